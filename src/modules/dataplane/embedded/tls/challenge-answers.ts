import type { ChallengeConfig } from '../../snapshot.js';
import { CHALLENGE_PATH } from '../../tls.js';

/** Answers to challenges of certificate authorities, by host and token. */
export class ChallengeAnswers {
  private readonly answers = new Map<string, string>();
  private readonly byTenant = new Map<string, readonly string[]>();

  /** The answer to a request, or null. @param host Lower case, without port. */
  find(host: string, path: string): string | null {
    if (this.answers.size === 0 || !path.startsWith(CHALLENGE_PATH)) return null;
    return this.answers.get(host + path) ?? null;
  }

  put(tenantId: string, challenges: readonly ChallengeConfig[]): void {
    this.remove(tenantId);
    if (challenges.length === 0) return;
    const keys = challenges.map(({ host, token }) => host + CHALLENGE_PATH + token);
    this.byTenant.set(tenantId, keys);
    for (const [i, { keyAuthorization }] of challenges.entries())
      this.answers.set(keys[i]!, keyAuthorization);
  }

  remove(tenantId: string): void {
    for (const key of this.byTenant.get(tenantId) ?? []) this.answers.delete(key);
    this.byTenant.delete(tenantId);
  }
}
