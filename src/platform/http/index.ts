export { Cached } from './cache.interceptor.js';
export { CorsOrigins } from './cors-origins.js';
export { ErrorBody } from './error-body.js';
export { checkIfMatch, IfMatch, sendEtag } from './etag.js';
export { HttpModule } from './http.module.js';
export { IdParam } from './id-param.js';
export { ListEnvelope, PageQuery, pageRequest, queryInteger } from './pagination.js';
export { type RequestContext, requestContext, runInRequestContext } from './request-context.js';
export { IsDuration, IsLine } from './validators.js';
