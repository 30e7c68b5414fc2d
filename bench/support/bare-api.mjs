// The peer of bench/api.mjs: nothing but Fastify, jsonwebtoken and pg. Verifies the token and reads the same rows.
import { createSecretKey } from 'node:crypto';
import { createRequire } from 'node:module';
import Fastify from 'fastify';
import pg from 'pg';

const require = createRequire(import.meta.url);
const jwt = createRequire(require.resolve('@nestjs/jwt'))('jsonwebtoken');
const key = createSecretKey(Buffer.from(process.env.JWT_SECRET));
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
const fastify = Fastify();

fastify.get('/api/pools/:name', async (request, reply) => {
  try {
    jwt.verify(request.headers.authorization.slice(7), key, { algorithms: ['HS256'], issuer: 'veloflux', audience: 'veloflux-api' });
  } catch {
    return reply.code(401).send({ error: true });
  }
  const { rows } = await pool.query({
    name: 'pool',
    text: `SELECT p.*, coalesce((SELECT json_agg(b ORDER BY b.created_at) FROM backends b WHERE b.pool_id = p.id), '[]') AS backends
           FROM pools p WHERE p.tenant_id = $1 AND p.name = $2`,
    values: [process.env.TENANT_ID, request.params.name],
  });
  return rows.length ? rows[0] : reply.code(404).send({ error: true });
});
await fastify.listen({ port: 0, host: '127.0.0.1' });
process.send({ port: fastify.server.address().port });
process.once('SIGTERM', () => process.exit(0));
