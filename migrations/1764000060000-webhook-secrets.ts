import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The secret that a webhook had before goes on signing beside the new one for a while, so that no message is lost. */
export class WebhookSecrets1764000060000 implements MigrationInterface {
  readonly name = 'WebhookSecrets1764000060000';

  async up(q: QueryRunner): Promise<void> {
    await q.query(
      'ALTER TABLE webhook_endpoints ADD previous_secret text, ADD previous_secret_until timestamptz',
    );
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('ALTER TABLE webhook_endpoints DROP previous_secret, DROP previous_secret_until');
  }
}
