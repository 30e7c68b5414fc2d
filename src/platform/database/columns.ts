import { getMetadataArgsStorage } from 'typeorm';

/**
 * The columns of an entity as a SELECT or RETURNING list names them, in the order in which the class has them; those
 * with `select: false` are left out. For statements that TypeORM's repositories cannot make.
 * @param alias of the table in the statement
 */
export function columnsOf(entity: new () => object, alias?: string): string {
  const prefix = alias === undefined ? '' : `${alias}.`;
  return getMetadataArgsStorage()
    .filterColumns(entity)
    .filter(({ options }) => options.select !== false)
    .map(({ propertyName }) => `${prefix}"${propertyName}"`)
    .join(', ');
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The members that are not undefined: TypeORM refuses a condition of undefined. */
export const given = <T extends object>(conditions: T): Given<T> =>
  Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== undefined)) as Given<T>;
