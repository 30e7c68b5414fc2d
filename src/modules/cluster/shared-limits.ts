import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { SharedRateLimitStorage } from '../../platform/security/index.js';
import { NodesService } from './nodes.service.js';

/** Tells the rate limits how many nodes there are: one that is alone need not ask the others. */
@Injectable()
export class SharedLimits implements OnModuleInit {
  constructor(
    private readonly nodes: NodesService,
    @Inject(ThrottlerStorage) private readonly storage: ThrottlerStorage,
  ) {}

  onModuleInit(): void {
    const { storage } = this;
    if (storage instanceof SharedRateLimitStorage) this.nodes.onLiveSeen((live) => storage.setNodes(live));
  }
}
