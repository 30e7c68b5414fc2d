import { EmbeddedEngine } from './embedded/embedded-engine.js';
import { describeEngine } from './engine.contract.js';

describeEngine(
  'the embedded engine',
  async (options) => new EmbeddedEngine({ host: '127.0.0.1', httpPort: 0, httpsPort: 0, ...options }),
);
