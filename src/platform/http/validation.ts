import { type ArgumentMetadata, type ValidationError, ValidationPipe } from '@nestjs/common';
import { type FieldError, invalid, invalidField } from '../../common/errors.js';

const words: Record<string, string> = { whitelistValidation: 'whitelist' };

/** Flattens class-validator's tree into one entry a broken rule, with dotted paths. */
export function fieldErrors(errors: ValidationError[], parent = ''): FieldError[] {
  return errors.flatMap((error) => {
    // a value that is no object at all has no property
    const field = [parent, error.property].filter(Boolean).join('.');
    const own = Object.entries(error.constraints ?? {}).map(([constraint, message]) => ({
      field,
      constraint: words[constraint] ?? constraint,
      message: parent ? message.replace(error.property, field) : message,
    }));
    return own.concat(fieldErrors(error.children ?? [], field));
  });
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Nest checks an array item by item and takes null for no body: neither is the object that the handler asked for. */
class RequestPipe extends ValidationPipe {
  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { type, metatype } = metadata;
    const wantsObject =
      metatype !== undefined && ![Object, Array, String, Number, Boolean].includes(metatype as never);
    if (type === 'body' && wantsObject && value !== undefined && !isObject(value))
      throw invalidField('', 'isObject', 'The body must be a JSON object');
    return super.transform(value, metadata) as Promise<unknown>;
  }
}

/** Requests become instances of their DTO classes; unknown fields are refused; 422 names each wrong field. */
export const validationPipe = () =>
  new RequestPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => invalid(fieldErrors(errors)),
  });
