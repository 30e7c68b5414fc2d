import { Injectable } from '@nestjs/common';
import { forbidden } from '../../common/errors.js';
import type { Admission, Upgrade } from './upgrade.js';

export type Handshake = (upgrade: Upgrade) => Promise<Admission>;

/**
 * Who may open which socket: each gateway states its handshake under its own path. Guards of HTTP endpoints do not
 * reach gateways, so a path without a handshake is refused to everybody.
 */
@Injectable()
export class Handshakes {
  private readonly byPath = new Map<string, Handshake>();

  /** @param path as the gateway has it, `:param` included */
  guard(path: string, handshake: Handshake): void {
    this.byPath.set(path, handshake);
  }

  /** @throws AppError 401, 403, 404 or 429, sent before the upgrade */
  async admit(path: string, upgrade: Upgrade): Promise<Admission> {
    const handshake = this.byPath.get(path);
    if (!handshake) throw forbidden('This WebSocket has no access policy');
    return handshake(upgrade);
  }
}
