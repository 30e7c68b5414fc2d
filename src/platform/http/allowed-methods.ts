import type { FastifyInstance } from 'fastify';

/** Methods that an address takes, for the answer to one that it does not take (RFC 9110 §15.5.6). */
export class AllowedMethods {
  private readonly byAddress = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  /** Learns every route that is added from now on; catch-all routes are no address. */
  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', ({ url, method }) => {
      if (url.includes('*')) return;
      const known = this.byAddress.get(url) ?? { pattern: patternOf(url), methods: new Set() };
      for (const each of [method].flat()) known.methods.add(each);
      this.byAddress.set(url, known);
    });
  }

  /** In alphabetical order; empty when there is nothing at the address. `target` may have a query. */
  of(target: string): string[] {
    const path = target.split('?')[0]!.replace(/(?<=.)\/$/, '');
    const found = [...this.byAddress.values()].filter(({ pattern }) => pattern.test(path));
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort();
  }
}

const patternOf = (url: string): RegExp => {
  const segments = url.replace(/(?<=.)\/$/, '').split('/');
  const escaped = segments.map((s) =>
    s.startsWith(':') ? '[^/]+' : s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  return new RegExp(`^${escaped.join('/')}$`);
};
