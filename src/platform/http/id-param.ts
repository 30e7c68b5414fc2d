import { Injectable, Param, type PipeTransform } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { invalidField } from '../../common/errors.js';
import { type IdPrefix, isId } from '../../common/ids.js';

@Injectable()
class IdPipe implements PipeTransform<string, string> {
  constructor(
    private readonly prefix: IdPrefix,
    private readonly name: string,
  ) {}

  transform(value: string): string {
    if (!isId(this.prefix, value))
      throw invalidField(this.name, 'id', `${this.name} must be an id of the form ${this.prefix}_…`);
    return value;
  }
}

/** A path parameter that is an id with this prefix; anything else is 422. */
export const IdParam = (prefix: IdPrefix, name = 'id') => Param(name, new IdPipe(prefix, name));

@Injectable()
class IntegerPipe implements PipeTransform<string, number> {
  constructor(private readonly name: string) {}

  transform(value: string): number {
    if (!/^[1-9]\d{0,14}$/.test(value))
      throw invalidField(this.name, 'isInt', `${this.name} must be a positive integer`);
    return Number(value);
  }
}

/** A path parameter that is a positive integer; anything else is 422. */
export const IntegerParam = (name: string) => Param(name, new IntegerPipe(name));

/** Documentation of {@link IntegerParam}. */
export const ApiIntegerParam = (name: string) =>
  ApiParam({ name, schema: { type: 'integer', minimum: 1, example: 42 } });
