import type { KeyPair } from '../../../common/tls.js';
import type { Choices } from './choices.js';
import type { FixedOptions } from './deployment.js';
import { openFilesLimit, workerUser } from './machine.js';

export interface HaproxyEngineOptions {
  /** For configuration, sockets and HAProxy's own messages. One engine a directory. */
  readonly directory: string;
  /** Address to listen on. */
  readonly host: string;
  /** 0 takes any free port; `health().ports.http` tells which. */
  readonly httpPort: number;
  /** Null or absent: no TLS door. */
  readonly httpsPort?: number | null;
  /** Port that clients see in redirects to https; the https port by default. */
  readonly publicHttpsPort?: number;
  /** For clients that name no host with a certificate of its own; without it they are turned away. */
  readonly defaultCertificate?: KeyPair | null;
  /** Default: `haproxy` from the PATH. */
  readonly binary?: string;
  /**
   * `spawn` (default) starts HAProxy, or adopts the one that an earlier life of this program left in the directory.
   * `attach` only ever uses one that is started by somebody else (in another container, with the directory shared):
   * `haproxy -W -S <directory>/master.sock -f <directory>/current`.
   */
  readonly mode?: 'spawn' | 'attach';
  /** Where HAProxy reaches us with its log: 127.0.0.1, unless it runs elsewhere. */
  readonly logAddress?: string;
  /** UDP port for the log; 0 (default) takes any, the same as last time if it is free. */
  readonly logPort?: number;
  /** Most client connections; fewer when the limit on file descriptors does not allow them. Default 20,000. */
  readonly maxConnections?: number;
  /** Default: one a core. */
  readonly threads?: number;
  /** Key of the sticky cookies' hash, the same on every node. */
  readonly cookieKey?: string;
  /** How long a replaced worker may finish what it has, seconds. Default 900. */
  readonly hardStopAfterSeconds?: number;
  /** Time between two looks at the statistics, ms. Default 2000. */
  readonly pollMs?: number;
  /** Time between two steps of measured weights, ms. Default 5000. */
  readonly weightStepMs?: number;
}

/** What every configuration of an engine has in common. */
export function fixedOptions(options: HaproxyEngineOptions, choices: Choices): FixedOptions {
  return {
    host: options.host,
    httpPort: choices.http,
    httpsPort: choices.https,
    publicHttpsPort: options.publicHttpsPort ?? choices.https ?? 443,
    defaultCertificate: options.defaultCertificate ?? null,
    logAddress: `${options.logAddress ?? '127.0.0.1'}:${choices.log}`,
    logKey: choices.logKey,
    user: workerUser(),
    maxConnections: options.maxConnections ?? 20_000,
    openFilesLimit: openFilesLimit(),
    threads: options.threads ?? null,
    cookieKey: options.cookieKey ?? 'veloflux',
    hardStopAfterSeconds: options.hardStopAfterSeconds ?? 900,
  };
}
