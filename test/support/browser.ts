const REDIRECTS = 20;

interface Cookie {
  value: string;
  path: string;
}

/** As much of a browser as a sign-in needs: cookies by origin and path, and redirects. */
export class Browser {
  private readonly jar = new Map<string, Map<string, Cookie>>();

  /** One request, no redirect followed. */
  async request(url: string, form?: URLSearchParams): Promise<Response> {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: this.cookiesFor(new URL(url)) },
      ...(form && { method: 'POST', body: form }),
    });
    this.keep(new URL(url), response.headers.getSetCookie());
    return response;
  }

  /**
   * Follows redirects as long as they stay at `stay` (an origin): `url` is where the browser stands, or would go next
   * when that is elsewhere.
   */
  async follow(url: string, stay: string, form?: URLSearchParams): Promise<string> {
    let next = { url, form };
    for (let i = 0; i < REDIRECTS; i++) {
      const response: Response = await this.request(next.url, next.form);
      const location = response.headers.get('location');
      if (!location) return next.url;
      next = { url: new URL(location, next.url).href, form: undefined };
      if (new URL(next.url).origin !== stay) return next.url;
    }
    throw new Error(`more than ${REDIRECTS} redirects from ${url}`);
  }

  private cookiesFor({ origin, pathname }: URL): string {
    const cookies = [...(this.jar.get(origin) ?? [])].filter(([, { path }]) => pathname.startsWith(path));
    return cookies.map(([name, { value }]) => `${name}=${value}`).join('; ');
  }

  private keep({ origin }: URL, headers: string[]): void {
    const cookies = this.jar.get(origin) ?? new Map<string, Cookie>();
    this.jar.set(origin, cookies);
    for (const header of headers) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header)!;
      const path = /;\s*path=([^;]+)/i.exec(header)?.[1] ?? '/';
      const isGone = /max-age=0|expires=Thu, 01 Jan 1970/i.test(header);
      if (isGone) cookies.delete(name!);
      else cookies.set(name!, { value: value!, path });
    }
  }
}
