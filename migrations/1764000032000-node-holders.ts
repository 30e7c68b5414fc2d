import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a node holds the leader's lease as, so that the list of nodes can say which one leads. */
export class NodeHolders1764000032000 implements MigrationInterface {
  readonly name = 'NodeHolders1764000032000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(`ALTER TABLE control_plane_nodes ADD COLUMN holder text`);
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query(`ALTER TABLE control_plane_nodes DROP COLUMN holder`);
  }
}
