import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { newId } from '../../common/ids.js';
import { Secrets } from '../../platform/security/index.js';

const ISSUER = 'veloflux';
const AUDIENCE = 'veloflux-api';

export interface Claims {
  sub: string;
  sid: string;
  typ: 'access';
  exp: number;
}

/** Signs and verifies access tokens, with one algorithm only. */
@Injectable()
export class AccessTokens {
  constructor(
    private readonly jwt: JwtService,
    private readonly secrets: Secrets,
  ) {}

  sign(claims: Omit<Claims, 'exp'>, seconds: number): string {
    return this.jwt.sign(claims, {
      secret: this.secrets.jwtKey as never,
      algorithm: 'HS256',
      expiresIn: seconds,
      issuer: ISSUER,
      audience: AUDIENCE,
      jwtid: newId('session').slice(8),
    });
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
