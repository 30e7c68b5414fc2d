import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Channels } from '../../../platform/realtime/index.js';

/**
 * The channel `ai` of an installation whose AI module defines none. A module that owns the data defines its channel
 * itself (`Channels.define`), which takes the place of this.
 */
@Injectable()
export class DefaultChannels implements OnModuleInit {
  constructor(private readonly channels: Channels) {}

  onModuleInit(): void {
    this.channels.defineDefault({
      name: 'ai',
      summary: 'State of the models',
      access: 'ai.read',
      scope: 'tenant',
      state: async () => ({ status: 'not_configured' }),
    });
  }
}
