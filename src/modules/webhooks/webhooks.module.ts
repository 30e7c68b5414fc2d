import { Module } from '@nestjs/common';
import { DataPlaneModule } from '../dataplane/index.js';
import { BackendEvents } from './backend-events.js';
import { DeliveryWorker } from './delivery-worker.js';
import { WebhookEndpointsController } from './webhooks.controller.js';
import { WebhooksRepository } from './webhooks.repository.js';
import { WebhookEndpointsService } from './webhooks.service.js';

@Module({
  imports: [DataPlaneModule],
  controllers: [WebhookEndpointsController],
  providers: [WebhookEndpointsService, DeliveryWorker, WebhooksRepository, BackendEvents],
})
export class WebhooksModule {}
