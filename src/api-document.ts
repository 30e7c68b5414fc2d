import type { INestApplication } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { PRODUCT_VERSION } from './common/version.js';
import { OUTGOING_WEBHOOKS } from './modules/webhooks/index.js';
import { buildOpenApi } from './platform/http/openapi.js';

const DESCRIPTION = `Control plane of a multi-tenant HTTP load balancer (VeloFlux) and operations API of an AI compute cluster (Cluster AI).

Sign in with \`POST /api/auth/login\` and send \`Authorization: Bearer <access_token>\`. Lists take \`page\` and \`limit\` and answer with \`X-Total-Count\` and \`Link\`. Every error has the body \`ErrorBody\`. Durations are strings such as \`30s\`. Pools, backends and routes carry an \`ETag\`; \`If-Match\` protects a change against another one; \`Idempotency-Key\` makes a POST safe to repeat. A write answers \`X-Config-Version\`; \`?wait=applied\` waits until every node carries traffic with it. A superadmin works in another tenant by naming it in \`X-Tenant-Id\`.`;

/** The parts of the API in the order in which Swagger UI shows them. */
const TAGS: Record<string, string> = {
  Authentication: 'Sessions of people: registration, sign-in, refresh, profile, password.',
  'Single sign-on':
    'OpenID Connect, per tenant: the provider’s settings, a test of it, and the sign-in itself.',
  'API keys': 'Credentials of programs: sent as `Authorization: Bearer` or `X-API-Key`.',
  Tenants: 'Customer organisations.',
  'Tenants: users': 'People of a tenant and their roles.',
  'Tenants: monitoring': 'What a tenant runs, carries and may still use.',
  Pools: 'Named sets of backends with a balancing algorithm and a health check.',
  Backends: 'Upstreams `host:port` of the pools, with health and live figures.',
  Routes: 'Host and path prefix to pool, with everything that happens to a request on its way.',
  Certificates: 'TLS certificates of the routes’ hosts, uploaded or automatic (ACME).',
  Configuration: 'All of it at once: export, import, validation, versions, bulk creation, reload.',
  Status: 'Whether the product works; for load balancers before it and for people.',
  Cluster: 'The nodes of the control plane.',
  'Live channels': `WebSockets. The access token goes as \`?token=\`, as subprotocol \`bearer, <token>\`, or as the cookie of the sign-in; \`/ws/{client_id}\` takes a one-time \`?csrf_token=\`. Frames are \`{type, timestamp, data}\`: the whole state first, then what changes. The server closes with 1001 (it stops), 4401 (session ended or token expired), 4403 (role changed), 4408 (no answer to a ping), 4429 (too many messages), 4430 (does not read).`,
  'Monitoring: traffic': 'What the data plane carried, live and over time.',
  'Monitoring: system': 'The nodes’ machines.',
  'Monitoring: alerts': 'What is wrong now, and what was.',
  'Monitoring: logs': 'The program’s own log.',
  'Audit log': 'Who changed what.',
  Webhooks: `Messages to a tenant’s own addresses; see \`webhooks\` in this document for their bodies. Signed with \`X-VeloFlux-Signature: t=<seconds>,v1=<HMAC-SHA256 of "t.body">\`, tried up to sixteen times.`,
  Billing: 'Plans, usage and what it costs.',
  'Billing: subscriptions': 'What a tenant has bought.',
  'Billing: invoices': 'Invoices as JSON and as pages to print.',
  'Billing: webhooks': 'What Stripe told us.',
  'Billing: reconciliation': 'Our books compared with Stripe’s.',
  'AI: overview': 'Forecast, advice and how good they were; the algorithms compared on recorded traffic.',
  'AI: predictions': 'Questions to a model, and their record.',
  'AI: training': 'Trainings with their progress.',
  'AI: models': 'Built-in models and deployments.',
  'AI: anomalies': 'What was odd.',
  'AI: pipelines': 'Chains of models, and their runs.',
  'AI: configuration': 'Settings of the AI, per tenant.',
  'Cluster AI: workers': 'Machines of the compute cluster, run by our agent.',
  'Cluster AI: settings': 'Settings of the installation.',
  Backups: 'Backups of the whole installation.',
  Administration: 'For superadmins.',
  'Admin listener': 'Served on the admin port only.',
};

/** The OpenAPI document of this product. */
export const apiDocument = (app: INestApplication): OpenAPIObject =>
  buildOpenApi(app, {
    title: 'VeloFlux and Cluster AI',
    description: DESCRIPTION,
    version: PRODUCT_VERSION,
    tags: TAGS,
    webhooks: OUTGOING_WEBHOOKS,
  });
