/** Value of a query parameter, for class-transformer's `@Transform`: what is not of its form is left to the validator. */
type QueryValue = { value: unknown };

const readNumber = (form: RegExp, value: unknown) =>
  typeof value === 'string' ? (form.test(value) ? Number(value) : Number.NaN) : value;

/** Digits only: `0x10`, ` 5` and `1e2` are no numbers in a query. */
export const queryInteger = ({ value }: QueryValue) => readNumber(/^-?\d{1,15}$/, value);

/** A decimal of at most nine places, not negative: `0.25`. */
export const queryNumber = ({ value }: QueryValue) => readNumber(/^\d{1,6}(\.\d{1,9})?$/, value);

/** A word in any case, as the upper case that it is stored in. */
export const queryUpperCase = ({ value }: QueryValue) =>
  typeof value === 'string' ? value.toUpperCase() : value;

/** `true` and `false`, no other word. */
export const queryBoolean = ({ value }: QueryValue) =>
  value === 'true' ? true : value === 'false' ? false : value;
