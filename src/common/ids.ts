import { typeid } from 'typeid-js';

const ID_PREFIXES = [
  'tenant',
  'user',
  'session',
  'pool',
  'backend',
  'route',
  'audit',
  'alert',
  'worker',
  'enrollment',
  'sub',
  'invoice',
  'training',
  'model',
  'prediction',
  'pipeline',
  'run',
  'anomaly',
  'backup',
  'apikey',
  'webhook',
  'delivery',
  'cert',
  'node',
  'job',
  'event',
] as const;
export type IdPrefix = (typeof ID_PREFIXES)[number];

/** A new id: prefix and UUIDv7 in Crockford base 32, sortable by time of creation (TypeID 0.3). */
export const newId = (prefix: IdPrefix): string => typeid(prefix).toString();

/** Whether `value` has the form of an id with this prefix; says nothing about its existence. */
export const isId = (prefix: IdPrefix, value: string): boolean =>
  value.startsWith(`${prefix}_`) && /^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(value.slice(prefix.length + 1));
