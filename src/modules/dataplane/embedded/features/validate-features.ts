import type { RouteFeatures } from '../../snapshot.js';
import { headerRulesProblem } from './header-edit.js';
import { parseCidr } from './ip-filter.js';

const VISIBLE = /^[\x21-\x7e]+$/;
const PATH = /^\/[\x21-\x7e]*$/;

/** What is wrong with a route's features, as the end of a sentence about the route; null when nothing is. */
export function featuresProblem(features: RouteFeatures): string | null {
  return (
    valueProblem(features) ??
    answerProblem(features) ??
    (features.requestHeaders ? headerRulesProblem(features.requestHeaders) : null) ??
    (features.responseHeaders ? headerRulesProblem(features.responseHeaders) : null)
  );
}

function valueProblem(features: RouteFeatures): string | null {
  const {
    ipAllow = [],
    ipDeny = [],
    rateLimit,
    responseTimeoutMs,
    retries,
    maxBodyBytes,
    rewritePrefix,
  } = features;
  if ([...ipAllow, ...ipDeny].some((block) => !parseCidr(block))) return 'has an address block that is none';
  if (rateLimit && !(rateLimit.requestsPerSecond > 0 && rateLimit.burst >= 0))
    return 'has a rate limit that is none';
  if (responseTimeoutMs !== undefined && !(responseTimeoutMs > 0))
    return 'has a response time limit that is none';
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0)) return 'has retries below zero';
  if (maxBodyBytes !== undefined && !(maxBodyBytes >= 0)) return 'has a body limit below zero';
  if (rewritePrefix !== undefined && !PATH.test(rewritePrefix)) return 'rewrites to a path that is none';
  return null;
}

function answerProblem({ redirect, maintenance, cors }: RouteFeatures): string | null {
  if (redirect && !VISIBLE.test(redirect.location)) return 'redirects to a location that is none';
  if (redirect && ![301, 302, 307, 308].includes(redirect.status))
    return 'redirects with a status that is none';
  if (maintenance && !(maintenance.status >= 200 && maintenance.status <= 599)) {
    return 'has a maintenance page with a status that is none';
  }
  if (maintenance && !/^[\x20-\x7e]+$/.test(maintenance.contentType)) {
    return 'has a maintenance page with a content type that is none';
  }
  const names = cors ? [...cors.allowMethods, ...cors.allowHeaders, ...(cors.exposeHeaders ?? [])] : [];
  return names.every((name) => VISIBLE.test(name)) ? null : 'has a CORS rule with a name that is none';
}
