import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import { ownerOf } from './socket-client.js';
import { SocketHub } from './socket-hub.js';
import type { Admission } from './upgrade.js';

/** Sockets that one session, or one address without a session, may have open on one node. */
const PER_SESSION = 100;
const PER_ANONYMOUS_ADDRESS = 100;

/** Keeps one caller from taking all sockets: the rate limits of HTTP do not see upgrades. */
@Injectable()
export class SocketQuota {
  constructor(private readonly hub: SocketHub) {}

  /** @throws AppError 429 */
  require(admission: Admission, request: IncomingMessage): void {
    const limit = admission.principal ? PER_SESSION : PER_ANONYMOUS_ADDRESS;
    if (this.hub.openOf(ownerOf(admission, request)) < limit) return;
    throw new AppError(429, 'TOO_MANY_SOCKETS', `At most ${limit} WebSockets at once`, {
      retryAfterSeconds: 10,
    });
  }
}
