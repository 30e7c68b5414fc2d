import { conflict, notFound } from '../../common/errors.js';

export const poolNotFound = (name: string) => notFound('Pool', name);
export const poolExists = (name: string) => conflict('POOL_EXISTS', `There is a pool '${name}' already`);

const listed = (names: string[]) => names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '');

export function poolInUse(name: string, { backends, routes }: { backends: string[]; routes: string[] }) {
  const parts = [
    backends.length ? `backends (${listed(backends)})` : '',
    routes.length ? `routes (${listed(routes)})` : '',
  ].filter(Boolean);
  return conflict('POOL_IN_USE', `The pool '${name}' still has ${parts.join(' and ')}; remove them first`);
}
