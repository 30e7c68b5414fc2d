export { GuardedClient, type GuardedInit } from './guarded-client.js';
export { HttpClientModule } from './http-client.module.js';
export { OutgoingError, type OutgoingFailure, outgoingFailureOf } from './outgoing-error.js';
