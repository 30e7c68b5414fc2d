import { Injectable } from '@nestjs/common';
import { conflict, invalidField } from '../../common/errors.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { Journal } from '../../platform/journal/index.js';
import { Mailer } from '../../platform/mail/index.js';
import { hashToken, PasswordHasher, type Principal, randomToken } from '../../platform/security/index.js';
import { type Account, Accounts, MembersService } from '../tenants/index.js';
import { LockoutRepository } from './lockout.repository.js';
import { PasswordResetsRepository } from './password-resets.repository.js';
import { SessionsService } from './sessions.service.js';

const HANDED_ON_SECONDS = 24 * 3600;
const MAILED_SECONDS = 3600;
/** A person gets one message in this time, however often somebody asks. */
const PAUSE_SECONDS = 60;

export interface IssuedReset {
  token: string;
  expiresAt: Date;
}

/** New passwords for people who do not know theirs, by a token from an administrator or by mail. */
@Injectable()
export class PasswordResets {
  constructor(
    private readonly database: Database,
    private readonly resets: PasswordResetsRepository,
    private readonly accounts: Accounts,
    private readonly members: MembersService,
    private readonly sessions: SessionsService,
    private readonly lockouts: LockoutRepository,
    private readonly passwords: PasswordHasher,
    private readonly mailer: Mailer,
    private readonly journal: Journal,
  ) {}

  /** A token to hand on to a member, good for a day. @throws AppError 403, 404, 409 as `MembersService.resettable` */
  issue(principal: Principal, tenantId: string, userId: string): Promise<IssuedReset> {
    return this.database.system(async (tx) => {
      const email = await this.members.resettable(tx, principal, tenantId, userId);
      const token = randomToken();
      const issue = { hash: hashToken(token), byMail: false, seconds: HANDED_ON_SECONDS };
      const expiresAt = await this.resets.issue(tx, userId, issue);
      await this.journal.recordSecurity(tx, {
        tenantId,
        action: 'user.password_reset_issued',
        message: `A token to reset the password of '${email}' was issued`,
        object: { type: 'user', id: userId, name: email },
      });
      return { token, expiresAt };
    });
  }

  /** Mails a token when there is such an account; the answer tells nothing. @throws AppError 409 MAIL_NOT_CONFIGURED */
  async mail(email: string): Promise<void> {
    if (!this.mailer.configured)
      throw conflict(
        'MAIL_NOT_CONFIGURED',
        'This installation sends no mail; ask an administrator of your tenant for a reset token',
      );
    const token = randomToken();
    await this.database.system(async (tx) => {
      const found = await this.accounts.findForSignIn(tx, email);
      if (!found?.passwordHash || found.account.disabled) return;
      if (await this.resets.isRecent(tx, found.account.id, PAUSE_SECONDS)) return;
      const issue = { hash: hashToken(token), byMail: true, seconds: MAILED_SECONDS };
      await this.resets.issue(tx, found.account.id, issue);
      await this.note(
        tx,
        found.account,
        'auth.password_reset_mailed',
        'A token to reset the password was mailed',
      );
      // the answer does not wait for it: how long it takes would tell that there is an account
      this.database.afterCommit(tx, () => void this.mailer.send(messageOf(found.account.email, token)));
    });
  }

  /** Ends the person's sessions and lifts a lock. @throws AppError 422 for a token that is not good (any more) */
  async complete(token: string, password: string): Promise<void> {
    // hashed before the transaction: it takes tens of milliseconds of a core
    const hash = await this.passwords.hash(password);
    await this.database.system(async (tx) => {
      const reset = await this.resets.take(tx, hashToken(token));
      if (!reset) throw invalidField('token', 'valid', 'token is not valid (any more); ask for another one');
      await this.accounts.setPassword(tx, reset.userId, hash);
      if (reset.byMail) await this.accounts.proven(tx, reset.userId);
      await this.lockouts.clear(tx, reset.userId);
      await this.sessions.end(tx, { userId: reset.userId }, 'password reset');
      const account = await this.accounts.get(tx, reset.userId);
      await this.note(tx, account, 'auth.password_reset', `${account.email} set a new password with a token`);
    });
  }

  private note(tx: Transaction, account: Account, action: string, message: string): Promise<void> {
    return this.journal.recordSecurity(tx, {
      tenantId: account.memberships.find((m) => m.status === 'active')?.tenantId ?? null,
      action,
      message,
      actor: { id: account.id, name: account.email },
    });
  }
}

const messageOf = (to: string, token: string) => ({
  to,
  subject: 'Set a new password for VeloFlux',
  text: [
    'Somebody, we hope you, asked to set a new password for the account with this address.',
    '',
    `Token: ${token}`,
    '',
    'It is good for one hour and for one use. Enter it where you asked for it, or send it with "new_password"',
    'to POST /api/auth/password/reset.',
    '',
    'If it was not you, nothing has changed and there is nothing to do.',
    '',
  ].join('\n'),
});
