import { Refusal } from './answers.js';

/** Refusals of what is not a request yet. */
export const BAD_REQUEST = new Refusal(400, 'BAD_REQUEST', 'The request is not valid HTTP/1.1');
export const HEAD_TOO_SLOW = new Refusal(408, 'REQUEST_TIMEOUT', 'The request head came too slowly');
