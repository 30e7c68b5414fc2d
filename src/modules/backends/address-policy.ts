import { Injectable } from '@nestjs/common';
import { backendHostProblem, formatHostPort, parseHostPort } from '../../common/addresses.js';
import { Environment } from '../../platform/config/environment.js';
import { addressRefused } from './backends.errors.js';

/** Which addresses backends may have on this installation. */
@Injectable()
export class BackendAddressPolicy {
  constructor(private readonly environment: Environment) {}

  /**
   * The one spelling of an address that may be a backend's.
   * @throws AppError 422 when it may not
   */
  accept(address: string): string {
    const parsed = parseHostPort(address);
    if (!parsed) throw addressRefused('it is not host:port');
    const problem = backendHostProblem(parsed.host, {
      allowPrivate: this.environment.ALLOW_PRIVATE_BACKENDS,
    });
    if (problem) throw addressRefused(problem);
    return formatHostPort(parsed);
  }
}
