import { NotApplicable, readInvoice, readSubscription } from './stripe-mapping.js';

const START = 1_780_000_000;
const END = START + 2_592_000;
const item = (over = {}, price = {}) => ({
  id: 'si_1',
  quantity: 1,
  current_period_start: START,
  current_period_end: END,
  price: {
    lookup_key: 'professional_monthly',
    unit_amount: 2999,
    currency: 'usd',
    recurring: { interval: 'month' },
    ...price,
  },
  ...over,
});
const subscription = (over = {}, items = [item()]) => ({
  id: 'sub_1',
  customer: 'cus_1',
  status: 'active',
  currency: 'usd',
  metadata: { tenant_id: 'tenant_1' },
  items: { data: items },
  ...over,
});
const invoice = (over = {}) => ({
  id: 'in_1',
  customer: 'cus_1',
  status: 'paid',
  amount_due: 2999,
  amount_paid: 2999,
  currency: 'usd',
  created: START,
  parent: { subscription_details: { subscription: 'sub_1', metadata: { tenant_id: 'tenant_1' } } },
  lines: {
    data: [{ description: 'Professional', quantity: 1, amount: 2999, period: { start: START, end: END } }],
  },
  ...over,
});

describe('readSubscription', () => {
  it('reads the period of the items, and of the subscription in older API versions', () => {
    const old = subscription({ current_period_start: START, current_period_end: END }, [
      item({ current_period_start: undefined, current_period_end: undefined }),
    ]);
    for (const value of [subscription(), old])
      expect(readSubscription(value)).toMatchObject({
        periodStart: new Date(START * 1000),
        periodEnd: new Date(END * 1000),
        plan: 'professional',
        cycle: 'monthly',
        amount: 2999,
        currency: 'USD',
        tenantId: 'tenant_1',
        customerId: 'cus_1',
      });
  });

  it('takes the plan from the price, also after the portal changed it, not from older metadata', () => {
    const changed = subscription({ metadata: { plan: 'basic' } }, [
      item({}, { lookup_key: 'enterprise_yearly_v3', recurring: { interval: 'year' } }),
    ]);
    expect(readSubscription(changed)).toMatchObject({ plan: 'enterprise', planVersion: 3, cycle: 'yearly' });
    expect(
      readSubscription(subscription({ metadata: { plan: 'basic' } }, [item({}, { lookup_key: null })])).plan,
    ).toBe('basic');
  });

  it('leaves the prices of metered usage aside', () => {
    const metered = item(
      {},
      {
        lookup_key: 'professional_requests_v1',
        unit_amount: null,
        recurring: { interval: 'month', usage_type: 'metered' },
      },
    );
    expect(readSubscription(subscription({}, [metered, item()])).amount).toBe(2999);
  });

  it('counts an end date within the period as a cancellation at its end', () => {
    expect(readSubscription(subscription({ cancel_at: END })).cancelAtPeriodEnd).toBe(true);
    expect(readSubscription(subscription({ cancel_at: END + 1 })).cancelAtPeriodEnd).toBe(false);
  });

  it.each([
    ['no object', null],
    ['an unknown status', subscription({ status: 'hibernating' })],
    ['no period', subscription({}, [])],
    ['a period that ends before it begins', subscription({}, [item({ current_period_end: START })])],
    ['no id', subscription({ id: undefined })],
    ['an absurd time', subscription({}, [item({ current_period_end: 1e300 })])],
  ])('does not apply with %s', (_, value) => {
    expect(() => readSubscription(value)).toThrow(NotApplicable);
  });
});

describe('readInvoice', () => {
  it('finds the subscription at its parent, and where older API versions had it', () => {
    expect(readInvoice(invoice()).subscriptionId).toBe('sub_1');
    expect(readInvoice(invoice({ parent: null, subscription: 'sub_2' })).subscriptionId).toBe('sub_2');
    expect(readInvoice(invoice({ parent: null, subscription: { id: 'sub_3' } })).subscriptionId).toBe(
      'sub_3',
    );
  });

  it('shows taxes and discounts as a line, so that the lines add up to what is due', () => {
    const taxed = readInvoice(invoice({ amount_due: 3569 }));
    expect(taxed.lines.map((l) => l.amount)).toEqual([2999, 570]);
  });

  it.each([
    ['only an id', { id: 'in_without_anything' }],
    ['an unknown status', invoice({ status: 'imagined' })],
    ['a text as amount', invoice({ amount_due: '2999' })],
  ])('does not apply with %s', (_, value) => {
    expect(() => readInvoice(value)).toThrow(NotApplicable);
  });
});
