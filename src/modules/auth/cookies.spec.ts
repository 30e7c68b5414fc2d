import { parseSetCookie } from 'cookie';
import type { Environment } from '../../platform/config/environment.js';
import { httpOnlyCookie, socketCookie } from './cookies.js';

const [development, production] = [false, true].map((value) => ({ production: value }) as Environment);

describe('cookies of a sign-in', () => {
  it('are for WebSockets out of the reach of scripts and of other sites', () => {
    expect(parseSetCookie(socketCookie(development, 'a.b-c_d', 1800))).toEqual({
      name: 'veloflux_socket',
      value: 'a.b-c_d',
      maxAge: 1800,
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
    });
  });

  it('need TLS in production', () => {
    expect(parseSetCookie(socketCookie(production, 'token', 1800))).toMatchObject({ secure: true });
  });

  it('are deleted with a life of zero seconds', () => {
    const deleted = { name: 'a', value: '', path: '/b', seconds: 0, sameSite: 'lax' } as const;
    expect(httpOnlyCookie(development, deleted)).toBe('a=; Max-Age=0; Path=/b; HttpOnly; SameSite=Lax');
  });
});
