import { formatMoney } from '../../common/money.js';
import type { Invoice } from './invoice.entity.js';
import { shortDate } from './periods.js';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => ENTITIES[c]!);

/** Styles only: the page has no script, and its policy allows none. */
export const INVOICE_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:50rem;margin:3rem auto;padding:0 1rem;color:#111}
table{width:100%;border-collapse:collapse;margin:2rem 0}th,td{padding:.5rem;border-bottom:1px solid #ccc;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}tfoot td{font-weight:bold;border-bottom:none}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}dd{margin:0}@media print{body{margin:0}}`;

/** An invoice as a page to print or save as PDF. Every text that somebody gave is escaped. */
export function invoicePage(invoice: Invoice, customer: string): string {
  const { currency } = invoice;
  const money = (amount: number) => escapeHtml(formatMoney({ amount, currency }));
  const rows = invoice.lines.map(
    (line) =>
      `<tr><td>${escapeHtml(line.description)}</td><td class="n">${line.quantity}</td><td class="n">${money(line.amount)}</td></tr>`,
  );
  const title = `Invoice ${escapeHtml(invoice.number ?? invoice.external_id ?? invoice.id)}`;
  const facts: [string, string][] = [
    ['Customer', customer],
    ['Issued', shortDate(invoice.created_at)],
    ['Period', `${shortDate(invoice.period_start)} to ${shortDate(invoice.period_end)}`],
    ['Status', invoice.status],
    ...(invoice.due_at ? [['Due', shortDate(invoice.due_at)] as [string, string]] : []),
    ...(invoice.paid_at ? [['Paid', shortDate(invoice.paid_at)] as [string, string]] : []),
  ];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style></head>
<body><h1>${title}</h1><dl>${facts.map(([k, v]) => `<dt>${k}</dt><dd>${escapeHtml(v)}</dd>`).join('')}</dl>
<table><thead><tr><th>Description</th><th class="n">Quantity</th><th class="n">Amount</th></tr></thead>
<tbody>${rows.join('')}</tbody>
<tfoot><tr><td>Due</td><td></td><td class="n">${money(invoice.amount_due)}</td></tr>
<tr><td>Paid</td><td></td><td class="n">${money(invoice.amount_paid)}</td></tr></tfoot></table></body></html>
`;
}
