import { join } from 'node:path';
import type { FactoryProvider } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { EmbeddedEngine } from './embedded/embedded-engine.js';
import type { DataPlaneEngine } from './engine.js';
import { HaproxyEngine } from './haproxy/haproxy-engine.js';

export const ENGINE = Symbol('DATA_PLANE_ENGINE');

/** The one place where an engine is chosen. */
export const engineProvider: FactoryProvider<DataPlaneEngine> = {
  provide: ENGINE,
  inject: [Environment],
  useFactory: ({ DATA_PLANE, DATA_DIR, PROXY_PORT: httpPort, listenHost: host }: Environment) => {
    if (DATA_PLANE === 'embedded') return new EmbeddedEngine({ host, httpPort });
    return new HaproxyEngine({ directory: join(DATA_DIR, 'haproxy'), host, httpPort });
  },
};
