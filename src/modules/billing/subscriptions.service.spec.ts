import { BillingApp } from '../../../test/support/billing.js';
import { SubscriptionsService } from './subscriptions.service.js';

describe('Subscriptions of the built-in provider', () => {
  let app: BillingApp;
  let subscriptions: SubscriptionsService;

  beforeAll(async () => {
    app = await BillingApp.start();
    subscriptions = app.get(SubscriptionsService);
  });
  afterAll(() => app.close());

  it('puts the tenant on the plan at once', async () => {
    const tenantId = await app.tenant();
    const made = await subscriptions.create(app.owner(tenantId), { plan: 'basic' });
    expect([made.status, made.amount, made.currency]).toEqual(['active', 999, 'USD']);
    expect(await app.planOf(tenantId)).toBe('basic');
  });
});
