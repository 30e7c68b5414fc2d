import { type ExecutionContext, Injectable } from '@nestjs/common';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { Strategy } from 'passport-local';
import { parseBody } from '../../platform/http/index.js';
import { LoginRequest } from './auth.dto.js';
import { AuthService, type SignedIn } from './auth.service.js';

/** Sign-in with a password, as a Passport strategy beside which others (single sign-on) can stand. */
@Injectable()
export class PasswordStrategy extends PassportStrategy(Strategy, 'password') {
  constructor(private readonly auth: AuthService) {
    super({ usernameField: 'username', passwordField: 'password', passReqToCallback: true });
  }

  validate(request: FastifyRequest): Promise<SignedIn> {
    return this.auth.login(request.body as LoginRequest, request.headers['user-agent'] ?? null);
  }
}

/** Checks the body first: guards run before pipes, and a body that is no login is 422, not 401. */
@Injectable()
export class PasswordGuard extends AuthGuard('password') {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest & { user?: SignedIn }>();
    const body = await parseBody(LoginRequest, request.body ?? {});
    const identifier = body.username ?? body.email;
    request.body = { ...body, username: identifier, email: undefined };
    return (await super.canActivate(context)) as boolean;
  }

  override handleRequest<T>(error: unknown, user: T): T {
    if (error) throw error;
    return user;
  }
}
