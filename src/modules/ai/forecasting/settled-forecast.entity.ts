import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A forecast of the next step, kept until the actual value came. */
@Entity('ai_settled_forecasts')
export class SettledForecast {
  @PrimaryColumn('text') tenant_id: string;
  @PrimaryColumn('text') pool_id: string;
  @PrimaryColumn('timestamptz') target: Date;
  @Column('int') version: number;
  @Column('timestamptz') made_at: Date;
  @Column('double precision') value: number;
  @Column('double precision') lower: number;
  @Column('double precision') upper: number;
  @Column('double precision') naive: number;
  @Column('double precision', { nullable: true }) actual: number | null;
}
