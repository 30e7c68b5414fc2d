import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { StoredFeatures } from './route-features.js';

@Entity('routes')
export class Route {
  @PrimaryColumn('text') id: string;
  @Column('text') tenant_id: string;
  @Column('text') host: string;
  @Column('text') path_prefix: string;
  @Column('text') pool_id: string;
  @Column('boolean') ssl_enabled: boolean;
  @Column('jsonb') features: StoredFeatures;
  @Column('int') version: number;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') updated_at: Date;
}
