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
