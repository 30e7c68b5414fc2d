import createFetchClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './schema.js';

export type VeloFluxClient = Client<paths>;
/** The bodies of the API by name: `Schema['PoolResponse']`. */
export type Schema = components['schemas'];

/**
 * A typed client of the whole API: `const { data, error } = await client.GET('/api/pools')`.
 * @param token an access token or API key
 */
export const createClient = (baseUrl: string, token?: string): VeloFluxClient =>
  createFetchClient<paths>({ baseUrl, ...(token && { headers: { authorization: `Bearer ${token}` } }) });
