import type { Case } from './arbitraries.js';
import type { Answer } from './call.js';
import type { Operation } from './document.js';
import type { Prepared } from './run.js';

const codeOf = (text: string): string => /"code":\s*"(\w+)"/.exec(text)?.[1] ?? '';

/** What was answered, an operation, and what of the document was never tried to the end. */
export class Tally {
  private readonly statuses = new Map<string, Map<string, number>>();
  /** Query parameters by whether a request that had them was accepted, or one that was valid was refused for them. */
  private readonly taken = new Set<string>();
  private readonly refused = new Set<string>();
  private readonly accepted = new Set<string>();
  private readonly short = new Map<string, string>();

  note({ id }: Operation, { query }: Case, { invalid }: Prepared, { status, text }: Answer): void {
    const of = this.statuses.get(id) ?? new Map<string, number>();
    const key = status >= 500 ? `${status} ${codeOf(text)}` : String(status);
    of.set(key, (of.get(key) ?? 0) + 1);
    this.statuses.set(id, of);
    // a redirect to the provider is what a sign-in is for
    if (status < 400) this.accepted.add(id);
    for (const [name] of query) {
      if (status < 300) this.taken.add(`${id}?${name}`);
      if (status === 422 && !invalid && text.includes(`"field":"${name}"`)) this.refused.add(`${id}?${name}`);
    }
  }

  /** The operation's time was over before its cases were. */
  noteShort({ id }: Operation, ran: number, wanted: number): void {
    this.short.set(id, `${ran} of ${wanted}`);
  }

  get requests(): number {
    return [...this.statuses.values()].flatMap((of) => [...of.values()]).reduce((a, b) => a + b, 0);
  }

  /** @param seconds by operation. */
  report(seconds: ReadonlyMap<string, number>): string {
    const lines = [...this.statuses].sort().map(([id, of]) => {
      const sum = [...of.values()].reduce((a, b) => a + b, 0);
      const list = [...of].sort().map(([status, n]) => `${status}×${n}`);
      const time = (seconds.get(id) ?? 0).toFixed(1).padStart(6);
      return `${id.padEnd(36)} ${String(sum).padStart(5)} ${time} s  ${list.join('  ')}`;
    });
    const line = (what: string, list: readonly string[]) => {
      if (list.length) lines.push(`${what}: ${list.join(', ')}`);
    };
    line(
      'documented, but never accepted',
      [...this.refused].filter((one) => !this.taken.has(one)),
    );
    line(
      'no request was ever accepted',
      [...this.statuses.keys()].filter((id) => !this.accepted.has(id)),
    );
    line(
      'cut short by time',
      [...this.short].map(([id, text]) => `${id} ${text}`),
    );
    return lines.join('\n');
  }
}
