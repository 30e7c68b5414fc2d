import { getSchemaPath } from '@nestjs/swagger';
import {
  AlertEvent,
  AuditedEvent,
  BackendHealthEvent,
  ConfigChangedEvent,
  dataOf,
  MESSAGE_TYPES,
  type MessageType,
  PingEvent,
} from './messages.dto.js';

const SUMMARIES: Partial<Record<MessageType, string>> = {
  '*': 'Sent to the webhooks subscribed to everything: what else is in the audit log',
  ping: 'Sent by POST /api/webhooks/{id}/ping',
};

const bodyOf = (type: MessageType) => ({
  type: 'object',
  required: ['id', 'type', 'created_at', 'tenant_id', 'data'],
  properties: {
    id: {
      type: 'string',
      description: 'The same in every try and in a replay: a receiver that has seen it need not act again.',
      example: 'event_01jz3k5v8hf0vbn2x4q6t8w0ya',
    },
    type:
      type === '*'
        ? { type: 'string', description: 'Action of the audit log.', example: 'pool.created' }
        : { type: 'string', enum: [type], example: type },
    created_at: { type: 'string', example: '2026-06-19T15:30:00.000Z' },
    tenant_id: { type: 'string', example: 'tenant_01jz3k5v8hf0vbn2x4q6t8w0ya' },
    data: { $ref: getSchemaPath(dataOf(type)) },
  },
});

const operationOf = (type: MessageType) => ({
  operationId: `on_${type === '*' ? 'other_action' : type.replace('.', '_')}`,
  summary: SUMMARIES[type] ?? `Sent to the webhooks subscribed to ${type}`,
  tags: ['Webhooks'],
  security: [],
  requestBody: { required: true, content: { 'application/json': { schema: bodyOf(type) } } },
  responses: {
    '2XX': {
      description: 'Taken. Everything else, a redirect too, and no answer within 10 s is tried again.',
    },
  },
});

/** The messages that we send, for the OpenAPI document's `webhooks` (OpenAPI 3.1, 4.8.1), and the classes they name. */
export const OUTGOING_WEBHOOKS = {
  models: [BackendHealthEvent, AlertEvent, ConfigChangedEvent, AuditedEvent, PingEvent],
  items: Object.fromEntries(MESSAGE_TYPES.map((type) => [type, { post: operationOf(type) }])),
};
