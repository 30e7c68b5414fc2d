import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The history of a tenant's configuration by its parts: each pool, backend and route with the versions between which
 * it was so. A change costs as many rows as it changed, however large the configuration is, and what the whole was at
 * a version is the rows of which that version lies within. Versions from before keep their document. Weight factors are
 * the program's own and no configuration.
 */
export class ConfigEntries1764000070000 implements MigrationInterface {
  readonly name = 'ConfigEntries1764000070000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`
      CREATE TABLE config_entries (
        tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        kind text NOT NULL CHECK (kind IN ('pool', 'backend', 'route')), id text NOT NULL,
        since bigint NOT NULL, until bigint CHECK (until > since), entry jsonb NOT NULL,
        PRIMARY KEY (tenant_id, id, since));
      CREATE UNIQUE INDEX config_entries_now ON config_entries (tenant_id, id) WHERE until IS NULL;
      CREATE INDEX config_entries_past ON config_entries (tenant_id, until) WHERE until IS NOT NULL;
      SELECT build_tenant_wall('config_entries');
      ALTER TABLE config_versions ALTER COLUMN document DROP NOT NULL;
      COMMENT ON TABLE config_entries IS '[history]';
      COMMENT ON TABLE config_versions IS '[history]';

      CREATE VIEW current_config_entries WITH (security_invoker = true) AS
        SELECT tenant_id, 'pool' AS kind, id,
          to_jsonb(p) - '{id,tenant_id,version,created_at,updated_at}'::text[] AS entry FROM pools p
        UNION ALL SELECT tenant_id, 'backend', id,
          to_jsonb(b) - '{id,tenant_id,version,created_at,updated_at,weight_factor}'::text[] FROM backends b
        UNION ALL SELECT tenant_id, 'route', id,
          to_jsonb(r) - '{id,tenant_id,version,created_at,updated_at}'::text[] FROM routes r;
      GRANT SELECT ON current_config_entries TO veloflux_app, veloflux_system;

      CREATE FUNCTION record_config_entries(of_tenant text, at_version bigint, changed text[]) RETURNS void
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
      END $$;

      INSERT INTO config_entries (tenant_id, kind, id, since, entry)
      SELECT tenant_id, kind, id, (SELECT version FROM config_state), entry FROM current_config_entries;
    `);
  }

  /** Versions whose document was never written are lost. */
  async down(q: QueryRunner): Promise<void> {
    await q.query(`
      DROP FUNCTION record_config_entries(text, bigint, text[]);
      DROP VIEW current_config_entries;
      DROP TABLE config_entries;
      DELETE FROM config_versions WHERE document IS NULL;
      ALTER TABLE config_versions ALTER COLUMN document SET NOT NULL;
      COMMENT ON TABLE config_versions IS '[append only]';
    `);
  }
}
