export { Cached } from './cache.interceptor.js';
export { CorsOrigins } from './cors-origins.js';
export { ErrorBody, errorBody } from './error-body.js';
export { checkIfMatch, IfMatch, sendEtag } from './etag.js';
export { ApiFails } from './failures.js';
export { HttpModule } from './http.module.js';
export { ApiIntegerParam, IdParam, IntegerParam } from './id-param.js';
export { IdempotencyInterceptor } from './idempotency.interceptor.js';
export { ApiPage, ListEnvelope, PageQuery, pageRequest, TimeRangeQuery, timeRange } from './pagination.js';
export { queryBoolean, queryInteger, queryNumber, queryUpperCase } from './query-values.js';
export {
  ActsOnGet,
  outsideOfRequest,
  requestContext,
} from './request-context.js';
export { fieldErrors, parseBody, REQUEST_CHECKS } from './validation.js';
export { AllMayBeAbsent, IsDuration, IsLine, IsQueryCount, IsTime, MayBeAbsent } from './validators.js';
export {
  APPLIES_CONFIGURATION,
  ApiCreates,
  ApiIfMatch,
  AppliesConfiguration,
  interceptWrites,
  WaitQuery,
} from './writes.js';
