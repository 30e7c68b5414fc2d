/** Limits of a body that holds a whole configuration; ordinary requests have less. */
export const DOCUMENT_LIMITS = { maxBytes: 1024 * 1024, maxKeys: 50_000, yaml: true };
