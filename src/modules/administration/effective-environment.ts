import { Environment } from '../../platform/config/environment.js';

const MASK = '********';
const SECRET = /SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL/;
/** Addresses that let whoever knows them write somewhere. */
const SECRET_URL = /WEBHOOK_URL$/;

/** The settings of the process by name, fit to be shown: secrets masked, credentials and paths of URLs left out. */
export function effectiveEnvironment(environment: Environment): Record<string, string | null> {
  return Object.fromEntries(
    Environment.names().map((name) => [name, shown(name, environment[name as keyof Environment])]),
  );
}

function shown(name: string, value: unknown): string | null {
  if (value === undefined || value === null || value === '' || (Array.isArray(value) && !value.length))
    return null;
  if (SECRET.test(name) || SECRET_URL.test(name)) return MASK;
  const text = Array.isArray(value) ? value.join(',') : String(value);
  return withoutCredentials(text);
}

function withoutCredentials(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return text;
  const url = new URL(text);
  return url.username || url.password ? `${url.protocol}//${MASK}@${url.host}${url.pathname}` : text;
}
