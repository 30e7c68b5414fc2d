import { conflict, invalidField, notFound } from '../../common/errors.js';

export const backendNotFound = (id: string) => notFound('Backend', id);
export const backendExists = (address: string, pool?: string) =>
  conflict('BACKEND_EXISTS', `${pool ? `The pool '${pool}'` : 'The pool'} has a backend ${address} already`);
/** 422 for a pool that a body names. */
export const unknownPool = (name: string, field = 'pool') =>
  invalidField(field, 'exists', `${field}: there is no pool '${name}'`);
export const addressRefused = (reason: string) =>
  invalidField('address', 'addressPolicy', `address is refused: ${reason}`);
