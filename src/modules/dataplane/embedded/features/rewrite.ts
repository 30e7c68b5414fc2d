import { normalPrefix } from '../routing/host-routes.js';

/** Puts `replacement` in place of the route's prefix: `/v1/x` with `/v1` → `/api` gives `/api/x`. */
export function prefixRewriter(pathPrefix: string, replacement: string): (path: string) => string {
  const matched = normalPrefix(pathPrefix).length;
  const start = normalPrefix(replacement);
  return (path) => {
    const rest = path.slice(matched);
    if (rest === '') return start === '' ? '/' : start;
    return start + rest;
  };
}
