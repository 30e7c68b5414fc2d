/** The credential in a request's fields, null where there is none: `Authorization: Bearer …` or `X-API-Key`. */
export function headerCredential(headers: Record<string, unknown>): string | null {
  const header = headers.authorization;
  if (typeof header === 'string') return /^Bearer +(\S+)$/i.exec(header)?.[1] ?? '';
  const key = headers['x-api-key'];
  return typeof key === 'string' ? key : null;
}
