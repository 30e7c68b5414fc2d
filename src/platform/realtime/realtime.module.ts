import { Global, Module } from '@nestjs/common';
import { ChannelControls } from './channel-controls.js';
import { ChannelsGateway } from './channels.gateway.js';
import { Channels } from './channels.js';
import { Handshakes } from './handshakes.js';
import { SocketAuthenticator } from './socket-authenticator.js';
import { SocketHub } from './socket-hub.js';
import { SocketMetrics, socketMetricProviders } from './socket-metrics.js';
import { SocketQuota } from './socket-quota.js';

@Global()
@Module({
  providers: [
    ...socketMetricProviders,
    SocketMetrics,
    SocketHub,
    SocketQuota,
    Handshakes,
    SocketAuthenticator,
    ChannelControls,
    Channels,
    ChannelsGateway,
  ],
  exports: [SocketHub, SocketQuota, Handshakes, SocketAuthenticator, ChannelControls, Channels],
})
export class RealtimeModule {}
