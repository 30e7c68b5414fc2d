import { describeAdministration, describeBalancing, describeSticky } from './contract/balancing.contract.js';
import { type EngineFactory, EngineUnderTest } from './contract/engine-under-test.js';
import { describeFeatures } from './contract/features.contract.js';
import { describeHealth } from './contract/health.contract.js';
import { describeHostile } from './contract/hostile.contract.js';
import { describeRoutes } from './contract/routing.contract.js';
import { describeSameness } from './contract/sameness.contract.js';
import { describeStopping } from './contract/stopping.contract.js';
import { describeFigures, describeTelemetry } from './contract/telemetry.contract.js';
import { describeTls } from './contract/tls.contract.js';
import { describeForwarding, describeVersions } from './contract/traffic.contract.js';

/**
 * What every engine does, run with real upstreams on loopback. Where engines may differ (411 or 413 for a long body of
 * unknown length), both are accepted.
 */
export function describeEngine(name: string, factory: EngineFactory): void {
  describe(name, () => {
    const engineUnderTest = new EngineUnderTest(factory);
    beforeEach(() => engineUnderTest.begin());
    afterEach(() => engineUnderTest.end());

    describeVersions(engineUnderTest);
    describeForwarding(engineUnderTest);
    describeRoutes(engineUnderTest);
    describeBalancing(engineUnderTest);
    describeSticky(engineUnderTest);
    describeAdministration(engineUnderTest);
    describeHealth(engineUnderTest);
    describeFeatures(engineUnderTest);
    describeHostile(engineUnderTest);
    describeSameness(engineUnderTest);
    describeTelemetry(engineUnderTest);
    describeFigures(engineUnderTest);
    describeTls(engineUnderTest);
    describeStopping(engineUnderTest);
  });
}
