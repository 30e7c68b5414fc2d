import { type ArgumentMetadata, type ValidationError, ValidationPipe } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { type ValidatorOptions, validate } from 'class-validator';
import { type FieldError, invalid, invalidField } from '../../common/errors.js';

/** How every request is checked: unknown fields are refused, and all rules are asked so that the telling one is named. */
export const REQUEST_CHECKS: ValidatorOptions = {
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  validationError: { target: false },
};

const words: Record<string, string> = { whitelistValidation: 'whitelist' };
/** Rules that a value of the wrong type breaks first of all; what else it breaks follows from that. */
const TYPES = ['isString', 'isInt', 'isNumber', 'isBoolean', 'isArray', 'isObject'];
/** Their sentences tell somebody who left a field out nothing more than that it is required. */
const BOUNDS = [...TYPES, 'minLength', 'maxLength', 'min', 'max', 'arrayMinSize', 'arrayMaxSize'];

function tellingRule(error: ValidationError): [constraint: string, message: string] | undefined {
  const broken = Object.entries(error.constraints ?? {});
  const missing = error.value === undefined && !error.constraints?.whitelistValidation;
  if (!missing) return broken.find(([rule]) => TYPES.includes(rule)) ?? broken[0];
  if (!broken.length) return undefined;
  const form = broken.find(([rule]) => !BOUNDS.includes(rule))?.[1].match(/ must .+$/s)?.[0];
  return ['required', `${error.property} is required${form ? ` and${form}` : ''}`];
}

/** Flattens class-validator's tree into one entry a wrong field, with dotted paths. */
export function fieldErrors(errors: ValidationError[], parent = ''): FieldError[] {
  return errors.flatMap((error) => {
    // a value that is no object at all has no property
    const field = [parent, error.property].filter(Boolean).join('.');
    const rule = tellingRule(error);
    const own = (rule ? [rule] : []).map(([constraint, message]) => ({
      field,
      constraint: words[constraint] ?? constraint,
      message: parent ? message.replace(error.property, field) : message,
    }));
    return own.concat(fieldErrors(error.children ?? [], field));
  });
}

function requireObject(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalidField('', 'isObject', 'The body must be a JSON object');
}

/**
 * An instance of `type` made of a body that no pipe has seen.
 * @throws AppError 422 naming each wrong field
 */
export async function parseBody<T extends object>(
  type: new () => T,
  body: unknown,
  options?: ValidatorOptions,
): Promise<T> {
  requireObject(body);
  const instance = plainToInstance(type, body);
  const errors = await validate(instance, { ...REQUEST_CHECKS, ...options });
  if (errors.length) throw invalid(fieldErrors(errors));
  return instance;
}

/** Nest checks an array item by item and takes null for no body: neither is the object that the handler asked for. */
class RequestPipe extends ValidationPipe {
  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype } = metadata;
    const wantsObject =
      metatype !== undefined && ![Object, Array, String, Number, Boolean].includes(metatype as never);
    if (type === 'body' && wantsObject && value !== undefined) requireObject(value);
    return super.transform(value, metadata) as Promise<unknown>;
  }
}

/** Requests become instances of their DTO classes; 422 names each wrong field. */
export const validationPipe = () =>
  new RequestPipe({
    ...REQUEST_CHECKS,
    transform: true,
    exceptionFactory: (errors) => invalid(fieldErrors(errors)),
  });
