import { conflict, notFound } from '../../common/errors.js';

export const routeNotFound = (id: string) => notFound('Route', id);
export const hostTaken = (host: string) =>
  conflict('HOST_TAKEN', `The host '${host}' belongs to another tenant`);
export const routeExists = () =>
  conflict('ROUTE_EXISTS', 'There is a route with this host, path prefix and match already');
