import { conflict, invalidField, notFound, unavailable } from '../../common/errors.js';
import type { PlanExcess } from '../tenants/index.js';

export const subscriptionNotFound = (id: string) => notFound('Subscription', id);
export const invoiceNotFound = (id: string) => notFound('Invoice', id);
export const subscriptionExists = (id: string) =>
  conflict('SUBSCRIPTION_EXISTS', `There is a subscription already: ${id}; change it instead`);
export const orderInProgress = () =>
  conflict(
    'ORDER_IN_PROGRESS',
    'Another order of this tenant is being placed or was just paid; look again in a minute',
  );
export const subscriptionEnded = () =>
  conflict('SUBSCRIPTION_ENDED', 'This subscription has ended; make a new one');
export const paymentOutstanding = () =>
  conflict('PAYMENT_OUTSTANDING', 'An invoice is overdue; the plan can change when it is paid');
export const notAnUpgrade = (from: string, to: string) =>
  conflict('NOT_AN_UPGRADE', `'${to}' is no upgrade from '${from}'; PUT the subscription to change down`);
export const trialUsed = () => conflict('TRIAL_USED', 'This tenant has had its trial');
export const unknownPaymentMethod = () =>
  invalidField(
    'payment_method',
    'method',
    'payment_method must be `manual` or the id of a payment method at Stripe (pm_…); POST /api/billing/portal opens a page to enter one',
  );
export const noTrial = (plan: string) => invalidField('trial', 'trial', `The plan '${plan}' has no trial`);
export const portalNotAvailable = () =>
  conflict('PORTAL_NOT_AVAILABLE', 'The built-in billing has no customer portal; it comes with Stripe');
export const invoiceNotPayable = (status: string) =>
  conflict('INVOICE_NOT_PAYABLE', `The invoice is ${status}`);
export const paidAtStripe = () =>
  conflict('PAID_AT_STRIPE', 'This invoice is paid at Stripe; use its hosted_invoice_url');
export const exceedsPlan = (plan: string, excess: PlanExcess[]) =>
  conflict(
    'PLAN_LIMIT_EXCEEDED',
    `The plan '${plan}' does not fit: ${excess.map((e) => `${e.have} ${e.kind}, at most ${e.limit}`).join('; ')}`,
  );
export const stripeUnavailable = (cause: unknown) =>
  unavailable('STRIPE_UNAVAILABLE', 'Stripe does not answer; try again shortly', 5, cause);
