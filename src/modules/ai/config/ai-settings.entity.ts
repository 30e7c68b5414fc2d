import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a tenant set in place of the defaults. */
@Entity('ai_config')
export class AiSettings {
  @PrimaryColumn('text') tenant_id: string;
  @Column('jsonb') values: Record<string, unknown>;
}
