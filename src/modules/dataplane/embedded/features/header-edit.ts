import type { HeaderRules } from '../../snapshot.js';

/** Fields that frame the message or belong to the connection: no rule may touch them. */
const UNTOUCHABLE = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Why these rules cannot be used, or null. */
export function headerRulesProblem(rules: HeaderRules): string | null {
  for (const name of [...Object.keys(rules.set ?? {}), ...(rules.remove ?? [])]) {
    if (!NAME.test(name)) return 'has a header rule with a name that is none';
    if (UNTOUCHABLE.has(name.toLowerCase()))
      return `has a rule for the header ${name}, which the proxy sets itself`;
  }
  if (rules.remove?.some((name) => name.toLowerCase() === 'host')) return 'has a rule that removes Host';
  if (!Object.values(rules.set ?? {}).every((value) => VALUE.test(value)))
    return 'has a header rule with a bad value';
  return null;
}

/** Replaces and removes fields; everything else keeps its place. */
export class HeaderEdit {
  private readonly dropped: ReadonlySet<string>;
  private readonly added: readonly string[];

  constructor(rules: HeaderRules) {
    const set = Object.entries(rules.set ?? {});
    this.dropped = new Set(
      [...set.map(([name]) => name), ...(rules.remove ?? [])].map((name) => name.toLowerCase()),
    );
    this.added = set.flat();
  }

  apply(headers: readonly string[]): string[] {
    const edited: string[] = [];
    for (let i = 0; i < headers.length; i += 2) {
      if (!this.dropped.has(headers[i].toLowerCase())) edited.push(headers[i], headers[i + 1]);
    }
    edited.push(...this.added);
    return edited;
  }
}
