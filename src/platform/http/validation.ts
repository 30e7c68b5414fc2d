import { type ValidationError, ValidationPipe } from '@nestjs/common';
import { type FieldError, invalid } from '../../common/errors.js';

const words: Record<string, string> = { whitelistValidation: 'whitelist' };

/** Flattens class-validator's tree into one entry a broken rule, with dotted paths. */
export function fieldErrors(errors: ValidationError[], parent = ''): FieldError[] {
  return errors.flatMap((error) => {
    const field = parent ? `${parent}.${error.property}` : error.property;
    const own = Object.entries(error.constraints ?? {}).map(([constraint, message]) => ({
      field,
      constraint: words[constraint] ?? constraint,
      message: parent ? message.replace(error.property, field) : message,
    }));
    return own.concat(fieldErrors(error.children ?? [], field));
  });
}

/** Requests become instances of their DTO classes; unknown fields are refused; 422 names each wrong field. */
export const validationPipe = () =>
  new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => invalid(fieldErrors(errors)),
  });
