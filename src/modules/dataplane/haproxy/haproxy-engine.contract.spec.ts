import { describeWithHaproxy, removeTemporaryDirectories, temporaryDirectory } from '../contract/haproxy.js';
import { describeEngine } from '../engine.contract.js';
import { HaproxyEngine } from './haproxy-engine.js';

describeWithHaproxy('HAProxy', () => {
  afterAll(removeTemporaryDirectories);

  describeEngine('the HAProxy engine', async (options) => {
    const ports = { host: '127.0.0.1', httpPort: 0, httpsPort: 0 };
    return new HaproxyEngine({
      directory: temporaryDirectory(),
      ...ports,
      pollMs: 100,
      weightStepMs: 500,
      ...options,
    });
  });
});
