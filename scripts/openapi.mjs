// npm run openapi [-- --check]: writes openapi.json from the built program, without a database. --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root } from './ensure.mjs';

ensureInstalled();
ensureBuilt();
const { NestFactory } = await import('@nestjs/core');
const { FastifyAdapter } = await import('@nestjs/platform-fastify');
const { AppModule } = await import(join(root, 'dist/src/app.module.js'));
const { apiDocument } = await import(join(root, 'dist/src/api-document.js'));

const app = await NestFactory.create(AppModule, new FastifyAdapter(), { preview: true, logger: ['error'] });
const text = `${JSON.stringify(apiDocument(app), null, 2)}\n`;
const file = join(root, 'openapi.json');
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('openapi.json is stale: run npm run client and commit what it writes.');
  process.exit(1);
}
process.exit(0);
