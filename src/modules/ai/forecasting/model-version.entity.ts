import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A trained version of a built-in model, for a tenant or for one pool of it. */
@Entity('ai_model_versions')
export class ModelVersion<Model = unknown, Card = unknown> {
  @PrimaryColumn('text') id: string;
  @Column('text', { select: false }) tenant_id: string;
  @Column('text') model: string;
  @Column('text') pool_id: string;
  @Column('int') version: number;
  @Column('boolean') served: boolean;
  /** The model itself, which may be megabytes. */
  @Column('jsonb', { select: false }) model_data: Model;
  @Column('jsonb') card: Card;
  @Column('text', { nullable: true }) training_id: string | null;
  @Column('timestamptz') created_at: Date;
}
