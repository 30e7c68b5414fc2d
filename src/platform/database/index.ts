export { columnsOf } from './columns.js';
export { Database, type Transaction } from './database.js';
export { DatabaseModule } from './database.module.js';
export { DatabaseClock } from './database-clock.js';
export { DatabaseUrl } from './database-url.js';
export { LongTransactions } from './long-transactions.js';
export { Notifications } from './notifications.js';
export { isDatabaseDown, toAppError, violatedConstraint } from './postgres-errors.js';
export { type Prepared, prepared, rowsOf, send, together } from './statements.js';
