import { EmbeddedEngine } from './embedded/embedded-engine.js';
import { describeEngine } from './engine.contract.js';

describeEngine('the embedded engine', async () => new EmbeddedEngine({ host: '127.0.0.1', httpPort: 0 }));
