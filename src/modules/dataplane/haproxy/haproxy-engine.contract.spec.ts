import { describeWithHaproxy, removeTemporaryDirectories, temporaryDirectory } from '../contract/haproxy.js';
import { describeEngine } from '../engine.contract.js';
import { HaproxyEngine } from './haproxy-engine.js';

describeWithHaproxy('HAProxy', () => {
  afterAll(removeTemporaryDirectories);

  describeEngine('the HAProxy engine', async () => {
    const directory = temporaryDirectory();
    return new HaproxyEngine({ directory, host: '127.0.0.1', httpPort: 0, pollMs: 100, weightStepMs: 500 });
  });
});
