import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { InvoiceLine, InvoiceStatus, ProviderName } from './billing.types.js';

const integer = {
  to: (value: number) => value,
  from: (value: string) => Number(value),
};

@Entity('invoices')
export class Invoice {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text', { nullable: true }) subscription_id: string | null;
  @Column('text', { nullable: true }) external_subscription_id: string | null;
  @Column('text') provider: ProviderName;
  @Column('text', { nullable: true }) external_id: string | null;
  /** What the invoice is for; one invoice a key and tenant, whoever issues it twice. */
  @Column('text') key: string;
  @Column('text', { nullable: true }) number: string | null;
  @Column('text') reason: string;
  @Column('text') status: InvoiceStatus;
  /** A payment was tried and failed, and none has succeeded since. */
  @Column('boolean') payment_failed: boolean;
  @Column('int') attempt_count: number;
  @Column('text') currency: string;
  @Column('bigint', { transformer: integer }) amount_due: number;
  @Column('bigint', { transformer: integer }) amount_paid: number;
  @Column('jsonb') lines: InvoiceLine[];
  @Column('timestamptz') period_start: Date;
  @Column('timestamptz') period_end: Date;
  @Column('timestamptz', { nullable: true }) due_at: Date | null;
  @Column('timestamptz', { nullable: true }) paid_at: Date | null;
  @Column('text', { nullable: true }) hosted_url: string | null;
  @CreateDateColumn({ type: 'timestamptz' }) created_at: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updated_at: Date;
}
