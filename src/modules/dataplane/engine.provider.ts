import { join } from 'node:path';
import type { FactoryProvider } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { EmbeddedEngine } from './embedded/embedded-engine.js';
import type { DataPlaneEngine } from './engine.js';
import { HaproxyEngine } from './haproxy/haproxy-engine.js';
import { keptSelfSigned } from './self-signed.js';

export const ENGINE = Symbol('DATA_PLANE_ENGINE');

/** The one place where an engine is chosen. */
export const engineProvider: FactoryProvider<DataPlaneEngine> = {
  provide: ENGINE,
  inject: [Environment],
  useFactory: async (environment: Environment) => {
    const { DATA_PLANE, DATA_DIR, PROXY_PORT: httpPort, PROXY_TLS_PORT: httpsPort } = environment;
    const doors = {
      host: environment.listenHost,
      httpPort,
      httpsPort,
      // In production a client that asks for a host without a certificate must see that it has none.
      defaultCertificate: environment.production ? null : await keptSelfSigned(DATA_DIR),
    };
    if (DATA_PLANE === 'embedded') return new EmbeddedEngine(doors);
    return new HaproxyEngine({ directory: join(DATA_DIR, 'haproxy'), ...doors });
  },
};
