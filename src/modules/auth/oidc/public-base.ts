import type { FastifyRequest } from 'fastify';
import type { Environment } from '../../../platform/config/environment.js';

/** Base URL of this API as clients see it: PUBLIC_URL, or what the request came to. */
export const publicBase = (environment: Environment, request: FastifyRequest): string =>
  environment.PUBLIC_URL?.replace(/\/$/, '') ?? `${request.protocol}://${request.host}`;
