import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { NotificationChannel } from './notification-channels.js';

/** A notification of an alert on one channel; the columns of queued work are `WorkQueue`'s. */
@Entity('notification_deliveries')
export class AlertDelivery {
  @PrimaryColumn('text') id: string;
  @Column('text', { nullable: true }) tenant_id: string | null;
  @Column('text', { nullable: true }) alert_id: string | null;
  @Column('text') channel: NotificationChannel;
  @Column('text') event: 'firing' | 'resolved';
  @Column('timestamptz') created_at: Date;
  @Column('int') attempts: number;
}
