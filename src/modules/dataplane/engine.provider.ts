import type { FactoryProvider } from '@nestjs/common';
import { Environment } from '../../platform/config/environment.js';
import { EmbeddedEngine } from './embedded/embedded-engine.js';
import type { DataPlaneEngine } from './engine.js';

export const ENGINE = Symbol('DATA_PLANE_ENGINE');

/** The one place where an engine is chosen. */
export const engineProvider: FactoryProvider<DataPlaneEngine> = {
  provide: ENGINE,
  inject: [Environment],
  useFactory: (environment: Environment) => {
    if (environment.DATA_PLANE === 'embedded')
      return new EmbeddedEngine({ host: environment.listenHost, httpPort: environment.PROXY_PORT });
    throw new Error(`DATA_PLANE=${environment.DATA_PLANE}: this build has no such engine`);
  },
};
