import { AppError, invalidField, notFound } from '../../common/errors.js';

export const endpointNotFound = (id: string) => notFound('Webhook', id);
export const deliveryNotFound = (id: string) => notFound('Delivery', id);
export const urlRefused = (problem: string) => invalidField('url', 'outgoingAddress', `url ${problem}`);
export const tooManyEndpoints = (limit: number) =>
  new AppError(
    403,
    'LIMIT_REACHED',
    `A tenant has at most ${limit} webhooks; delete those that are not needed`,
  );
