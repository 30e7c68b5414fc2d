import { invalidField } from '../../common/errors.js';
import { isWithoutContent } from '../../common/http-statuses.js';
import { normalisePath } from './host.js';
import type { MatchCondition, RouteFeaturesBody } from './route-features.dto.js';

/** Features as they are stored: the API's form, but a split names pools by id, so that a pool may be renamed. */
export type StoredFeatures = Omit<RouteFeaturesBody, 'split'> & {
  split?: { pool_id: string; weight: number }[];
};

/** Written in a URL as it is, so that no engine has to decode names. */
const PLAIN_PARAMETER = /^[A-Za-z0-9_.~-]{1,100}$/;

/**
 * What the fields' own rules cannot see.
 * @throws AppError 422 naming the feature
 */
export function checkFeatures(features: RouteFeaturesBody): void {
  const refuse = (field: string, constraint: string, message: string) => {
    throw invalidField(`features.${field}`, constraint, `features.${field} ${message}`);
  };
  const { split, cors, match, maintenance } = features;
  for (const [i, { in: where, name }] of (match ?? []).entries())
    if (where === 'query' && !PLAIN_PARAMETER.test(name))
      refuse(`match.${i}.name`, 'plain', 'must have letters, digits and -_.~ only, and at most 100 of them');
  if (maintenance?.body && isWithoutContent(maintenance.status))
    refuse('maintenance.body', 'empty', `must be empty with the status ${maintenance.status}`);
  if (features.strip_prefix && features.rewrite_prefix !== undefined)
    refuse('rewrite_prefix', 'exclusive', 'cannot be together with strip_prefix');
  if (cors?.allow_credentials && cors.allow_origins.includes('*'))
    refuse('cors.allow_credentials', 'exclusive', 'cannot be together with the origin *');
  if (split && new Set(split.map((t) => t.pool)).size < split.length)
    refuse('split', 'unique', 'must name each pool once');
  if (split && !split.some((t) => t.weight > 0)) refuse('split', 'weight', 'must give a pool some weight');
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const order = (a: MatchCondition, b: MatchCondition) =>
  compare(a.in, b.in) || compare(a.name, b.name) || compare(a.equals ?? '', b.equals ?? '');

/**
 * Equal features get one form: conditions in a fixed order, as host, prefix and conditions identify a route, and
 * header names of conditions in lower case.
 * @param poolIds ids of the pools that a split names
 */
export function toStored(features: RouteFeaturesBody, poolIds: ReadonlyMap<string, string>): StoredFeatures {
  const { split, match, rewrite_prefix, ...rest } = features;
  const conditions = match
    ?.map((m) => ({ ...m, name: m.in === 'header' ? m.name.toLowerCase() : m.name }))
    .sort(order);
  return {
    ...rest,
    ...(conditions?.length && { match: conditions }),
    ...(rewrite_prefix !== undefined && { rewrite_prefix: normalisePath(rewrite_prefix)! }),
    ...(split && { split: split.map(({ pool, weight }) => ({ pool_id: poolIds.get(pool)!, weight })) }),
  };
}

/** @param poolNames names of the pools that a split points to, by id */
export function fromStored(
  stored: StoredFeatures,
  poolNames: Readonly<Record<string, string>>,
): RouteFeaturesBody {
  const { split, ...rest } = stored;
  if (!split) return rest;
  return {
    ...rest,
    split: split.map(({ pool_id, weight }) => ({ pool: poolNames[pool_id] ?? pool_id, weight })),
  };
}
