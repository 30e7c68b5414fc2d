import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { newId } from '../../common/ids.js';
import { DatabaseClock } from '../../platform/database/index.js';
import { Secrets } from '../../platform/security/index.js';

const ISSUER = 'veloflux';
const AUDIENCE = 'veloflux-api';

export interface Claims {
  sub: string;
  sid: string;
  typ: 'access';
  exp: number;
}

/** Signs and verifies access tokens, with one algorithm only; times are the database's, so that all nodes agree. */
@Injectable()
export class AccessTokens {
  constructor(
    private readonly jwt: JwtService,
    private readonly secrets: Secrets,
    private readonly clock: DatabaseClock,
  ) {}

  sign(claims: Omit<Claims, 'exp'>, seconds: number): string {
    const iat = Math.floor(this.clock.now() / 1000);
    return this.jwt.sign(
      { ...claims, iat },
      {
        secret: this.secrets.jwtKey as never,
        algorithm: 'HS256',
        expiresIn: seconds,
        issuer: ISSUER,
        audience: AUDIENCE,
        jwtid: newId('session').slice(8),
      },
    );
  }

  /** Whether a time in seconds since 1970 is over. */
  isPast(seconds: number): boolean {
    return seconds * 1000 <= this.clock.now();
  }

  /** When something ends that begins now and lasts so long; both in seconds. */
  endOf(seconds: number): number {
    return Math.floor(this.clock.now() / 1000) + seconds;
  }

  /** Null when the token is not one of ours; the time is checked by the caller on each use. */
  verify<T extends object>(token: string): T | null {
    try {
      return this.jwt.verify<T>(token, {
        secret: this.secrets.jwtKey as never,
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        ignoreExpiration: true,
      });
    } catch {
      return null;
    }
  }
}
