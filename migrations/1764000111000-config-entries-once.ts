import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Looks once, and only at what changed, where it looked at the whole configuration twice. */
const ONCE = `
  CREATE OR REPLACE FUNCTION record_config_entries(of_tenant text, at_version bigint, changed text[]) RETURNS void
  LANGUAGE plpgsql AS $$
  BEGIN
    IF changed IS NULL THEN
      changed := ARRAY(SELECT e.id FROM config_entries e WHERE e.tenant_id = of_tenant AND e.until IS NULL
        UNION SELECT c.id FROM current_config_entries c WHERE c.tenant_id = of_tenant);
    END IF;
    WITH now AS MATERIALIZED (
      SELECT c.kind, c.id, c.entry FROM current_config_entries c
      WHERE c.tenant_id = of_tenant AND c.id = ANY (changed)),
    kept AS MATERIALIZED (
      SELECT e.id, e.since, n.id IS NOT NULL AS same FROM config_entries e
      LEFT JOIN now n ON n.id = e.id AND n.entry = e.entry
      WHERE e.tenant_id = of_tenant AND e.until IS NULL AND e.id = ANY (changed)),
    ended AS (
      UPDATE config_entries e SET until = at_version FROM kept k
      WHERE NOT k.same AND k.since < at_version
        AND e.tenant_id = of_tenant AND e.id = k.id AND e.since = k.since RETURNING e.id)
    INSERT INTO config_entries (tenant_id, kind, id, since, entry)
    SELECT of_tenant, n.kind, n.id, at_version, n.entry FROM now n
    WHERE n.id IN (SELECT id FROM ended) OR n.id NOT IN (SELECT id FROM kept);
  END $$`;

const BEFORE = `
  CREATE OR REPLACE FUNCTION record_config_entries(of_tenant text, at_version bigint, changed text[]) RETURNS void
  LANGUAGE plpgsql AS $$
  BEGIN
    IF changed IS NULL THEN
      changed := ARRAY(SELECT e.id FROM config_entries e WHERE e.tenant_id = of_tenant AND e.until IS NULL
        UNION SELECT c.id FROM current_config_entries c WHERE c.tenant_id = of_tenant);
    END IF;
    UPDATE config_entries e SET until = at_version
    WHERE e.tenant_id = of_tenant AND e.until IS NULL AND e.id = ANY (changed) AND e.since < at_version
      AND NOT EXISTS (SELECT 1 FROM current_config_entries c
                      WHERE c.tenant_id = of_tenant AND c.id = e.id AND c.entry = e.entry);
    INSERT INTO config_entries (tenant_id, kind, id, since, entry)
    SELECT of_tenant, c.kind, c.id, at_version, c.entry FROM current_config_entries c
    WHERE c.tenant_id = of_tenant AND c.id = ANY (changed)
      AND NOT EXISTS (SELECT 1 FROM config_entries e
                      WHERE e.tenant_id = of_tenant AND e.id = c.id AND e.until IS NULL);
  END $$`;

export class ConfigEntriesOnce1764000111000 implements MigrationInterface {
  readonly name = 'ConfigEntriesOnce1764000111000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(ONCE);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(BEFORE);
  }
}
