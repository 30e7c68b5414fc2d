import { applyDecorators, type Type } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  IsInt,
  IsString,
  isISO8601,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  registerDecorator,
  ValidateIf,
  type ValidationOptions,
} from 'class-validator';
import { DURATION, parseDuration } from '../../common/durations.js';
import { queryInteger } from './query-values.js';

/** The field may be left out. Unlike with class-validator's `IsOptional`, null is a value and must be a valid one. */
export const MayBeAbsent = () => ValidateIf((_, value) => value !== undefined);

/**
 * The fields of a DTO, each of which may be left out. Unlike Nest's plain `PartialType`, which means `IsOptional`, null is
 * a value here too.
 */
export const AllMayBeAbsent = <T>(fields: Type<T>): Type<Partial<T>> =>
  PartialType(fields, { skipNullProperties: false });

/** A duration such as `250ms`, `30s`, `5m` between two others. */
export const IsDuration = (min: string, max: string, options?: ValidationOptions): PropertyDecorator => {
  const [low, high] = [parseDuration(min)!, parseDuration(max)!];
  return (target, propertyName) => {
    ApiProperty({ pattern: DURATION.source })(target, propertyName);
    registerDecorator({
      name: 'isDuration',
      target: target.constructor,
      propertyName: propertyName as string,
      options: { message: `$property must be a duration from ${min} to ${max}, such as 30s`, ...options },
      validator: {
        validate: (value: unknown) => {
          const ms = typeof value === 'string' ? parseDuration(value) : null;
          return ms !== null && ms >= low && ms <= high;
        },
      },
    });
  };
};

/** A whole number in a query, from 1 to `maximum`; the document says what holds when it is left out. */
export const IsQueryCount = (description: string, maximum: number, usual: number) =>
  applyDecorators(
    ApiPropertyOptional({
      description,
      minimum: 1,
      maximum,
      default: usual,
      type: 'integer',
      example: usual,
    }),
    MayBeAbsent(),
    Transform(queryInteger),
    IsInt(),
    Min(1),
    Max(maximum),
  );

/** A time as JavaScript reads it, in ISO 8601: weeks and days of the year (`2026-W25`), which it cannot read, are none. */
export const IsTime = (): PropertyDecorator => (target, propertyName) =>
  registerDecorator({
    name: 'isTime',
    target: target.constructor,
    propertyName: propertyName as string,
    options: { message: '$property must be a time such as 2026-06-19T15:30:00Z' },
    validator: { validate: isTime },
  });

function isTime(value: unknown): boolean {
  if (typeof value !== 'string' || !isISO8601(value) || Number.isNaN(Date.parse(value))) return false;
  const day = value.slice(0, 10);
  // the 30th of February would be read as the 2nd of March
  return !Number.isNaN(Date.parse(day)) && new Date(day).toISOString().startsWith(day);
}

/** Characters that do not show or turn text around: two names must not look alike and be different. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Text on one line for people: trimmed, in Unicode form C, without control or invisible characters. */
export const IsLine = (max: number, min = 1) =>
  applyDecorators(
    ApiProperty({ ...(min > 0 && { minLength: min }), maxLength: max }),
    Transform(({ value }) => (typeof value === 'string' ? value.normalize('NFC').trim() : value)),
    IsString(),
    MinLength(min, min === 1 ? { message: '$property must not be empty' } : undefined),
    MaxLength(max),
    Matches(new RegExp(`^(?!.*${INVISIBLE.source}).*$`, 'us'), {
      message: '$property must not contain control or invisible characters',
    }),
  );
