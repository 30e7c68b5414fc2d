import type { ArgumentMetadata } from '@nestjs/common';
import { Type } from 'class-transformer';
import {
  IsEmail,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateNested,
} from 'class-validator';
import type { AppError } from '../../common/errors.js';
import { parseBody, validationPipe } from './validation.js';
import { IsDuration, MayBeAbsent } from './validators.js';

class Inner {
  @IsDuration('1s', '1m') interval: string;
}
class Body {
  @IsString() @MinLength(3) @MaxLength(10) name: string;
  @IsEmail() @MaxLength(254) email: string;
  @IsIn(['a', 'b']) kind: string;
  @MayBeAbsent() @IsInt() @Min(1) @Max(9) size?: number;
  @MayBeAbsent() @IsObject() @ValidateNested() @Type(() => Inner) inner?: Inner;
}

const good = { name: 'name', email: 'a@example.com', kind: 'a' };
const metadata: ArgumentMetadata = { type: 'body', metatype: Body };
const through = {
  'the pipe': async (body: unknown) => validationPipe().transform(body, metadata),
  parseBody: async (body: unknown) => parseBody(Body, body),
};

describe.each(Object.entries(through))('a body checked by %s', (_name, check) => {
  const said = async (body: unknown) =>
    check(body).then(
      () => [],
      (e: AppError) => e.details.map((d) => `${d.constraint}: ${d.message}`),
    );

  it('passes when it is right', async () => {
    expect(await said(good)).toEqual([]);
  });

  it('says of a field that is missing that it is required, and what it takes', async () => {
    expect(await said({})).toEqual([
      'required: name is required',
      'required: email is required and must be an email',
      'required: kind is required and must be one of the following values: a, b',
    ]);
    expect(await said({ ...good, inner: {} })).toEqual([
      'required: inner.interval is required and must be a duration from 1s to 1m, such as 30s',
    ]);
  });

  it('says of a value of another type which type it must have, not how long or large it may be', async () => {
    expect(await said({ ...good, name: 5 })).toEqual(['isString: name must be a string']);
    expect(await said({ ...good, name: null })).toEqual(['isString: name must be a string']);
    expect(await said({ ...good, size: '7' })).toEqual(['isInt: size must be an integer number']);
    expect(await said({ ...good, inner: 7 })).toEqual(['isObject: inner must be an object']);
  });

  it('says of a value of the right type which bound it breaks', async () => {
    expect(await said({ ...good, name: 'ab' })).toEqual([
      'minLength: name must be longer than or equal to 3 characters',
    ]);
    expect(await said({ ...good, size: 10 })).toEqual(['max: size must not be greater than 9']);
  });

  it('says of an unknown field that there is none', async () => {
    expect(await said({ ...good, nam: 'x' })).toEqual(['whitelist: property nam should not exist']);
  });

  it.each([[[]], ['x'], [null], [7]])('refuses %p, which is no object', async (body) => {
    expect(await said(body)).toEqual(['isObject: The body must be a JSON object']);
  });
});
