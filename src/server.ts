import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { apiDocument } from './api-document.js';
import { AppModule } from './app.module.js';
import { banner } from './banner.js';
import { AppliedInterceptor, DataPlaneService } from './modules/dataplane/index.js';
import { SettingsService } from './modules/settings/index.js';
import { type Environment, loadEnvironment } from './platform/config/environment.js';
import { IdempotencyInterceptor, interceptWrites } from './platform/http/index.js';
import { Listeners } from './platform/http/listeners.js';
import { serveOpenApi } from './platform/http/openapi.js';
import { configureServer, createAdapter } from './platform/http/server.js';
import { AppLogger, HealthRegistry } from './platform/observability/index.js';
import { SocketAdapter } from './platform/realtime/index.js';

export interface Ports {
  api: number[];
  admin: number;
  /** The data plane's, null where it does not listen. */
  proxy: number | null;
  proxyTls: number | null;
}

/** Brings the whole product up and resolves when every port answers. */
export async function start(): Promise<Ports> {
  const environment = loadEnvironment();
  const logger = new AppLogger(environment.LOG_LEVEL);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, createAdapter(environment), {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  const listeners = new Listeners(app.getHttpAdapter().getInstance() as unknown as FastifyInstance);
  const health = app.get(HealthRegistry);
  health.registerLoad('api', () => listeners.requestsInHand);
  health.onDraining((draining) => listeners.endConnections(draining));
  await configureServer(app);
  // the first is the outermost: a change that is saved but not applied yet keeps its idempotency key
  interceptWrites(app, [app.get(AppliedInterceptor), app.get(IdempotencyInterceptor)]);
  app.useWebSocketAdapter(new SocketAdapter(app));
  serveOpenApi(app, apiDocument(app));
  const ports = await listen(app, listeners, environment);
  app.get(SettingsService).watch((settings) => logger.setLevel(settings.log_level));
  process.once('SIGTERM', () => listeners.drain());
  process.once('SIGINT', () => listeners.drain());
  process.stdout.write(banner(environment, ports));
  process.send?.({ type: 'ready', ports });
  return ports;
}

async function listen(
  app: NestFastifyApplication,
  listeners: Listeners,
  environment: Environment,
): Promise<Ports> {
  const host = environment.listenHost;
  await app.listen(environment.PORT, host);
  const main = Number(new URL(await app.getUrl()).port);
  const aliases: number[] = [];
  for (const port of environment.PORT_ALIASES) aliases.push(await listeners.listen('public', port, host));
  const admin = await listeners.listen('admin', environment.ADMIN_PORT, host);
  const { http_port: proxy, https_port: proxyTls } = app.get(DataPlaneService).status();
  return { api: [main, ...aliases], admin, proxy, proxyTls };
}
