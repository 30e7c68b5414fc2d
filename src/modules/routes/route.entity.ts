import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn, VersionColumn } from 'typeorm';
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
  @VersionColumn() version: number;
  @CreateDateColumn({ type: 'timestamptz' }) created_at: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updated_at: Date;
}
