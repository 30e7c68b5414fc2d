import createFetchClient, { type Client } from 'openapi-fetch';
import type { components, paths, webhooks } from './schema.js';

export type VeloFluxClient = Client<paths>;
/** The bodies of the API by name: `Schema['PoolResponse']`. */
export type Schema = components['schemas'];

/** The frames of a live channel: `LiveFrame<'/api/ws/backends'>`; `type` tells them apart. */
export type LiveFrame<P extends keyof paths> = paths[P] extends {
  get: { responses: { 101: { content: { 'application/json': infer F } } } };
}
  ? F
  : never;
/** The messages that a tenant's webhooks receive; `type` tells them apart. */
export type WebhookMessage = {
  [E in keyof webhooks]: webhooks[E]['post']['requestBody']['content']['application/json'];
}[keyof webhooks];

/**
 * A typed client of the whole API: `const { data, error } = await client.GET('/api/pools')`.
 * @param token an access token or API key
 */
export const createClient = (baseUrl: string, token?: string): VeloFluxClient =>
  createFetchClient<paths>({ baseUrl, ...(token && { headers: { authorization: `Bearer ${token}` } }) });
