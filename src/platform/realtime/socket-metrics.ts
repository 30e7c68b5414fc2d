import { Injectable } from '@nestjs/common';
import {
  InjectMetric,
  makeCounterProvider,
  makeGaugeProvider,
  makeHistogramProvider,
} from '@willsoto/nestjs-prometheus';
import { Counter, Gauge, Histogram } from 'prom-client';

const labelNames = ['channel'];

export const socketMetricProviders = [
  makeCounterProvider({ name: 'websocket_connections_total', help: 'WebSockets opened', labelNames }),
  makeGaugeProvider({ name: 'websocket_connections_open', help: 'WebSockets open now', labelNames }),
  makeHistogramProvider({
    name: 'websocket_connection_duration_seconds',
    help: 'How long WebSockets stayed open',
    labelNames,
    buckets: [0.1, 1, 10, 60, 300, 1800, 7200, 86_400],
  }),
  makeCounterProvider({ name: 'websocket_messages_sent_total', help: 'Frames sent to clients', labelNames }),
  makeCounterProvider({
    name: 'websocket_messages_received_total',
    help: 'Messages that clients sent',
    labelNames,
  }),
  makeCounterProvider({
    name: 'websocket_messages_superseded_total',
    help: 'Frames not sent to a slow client because a newer state took their place',
    labelNames,
  }),
  makeCounterProvider({
    name: 'websocket_closed_total',
    help: 'WebSockets that the server ended, by close code',
    labelNames: ['channel', 'code'],
  }),
];

/** Series of the live channels. Channel names are few and come from the program, so they are safe as labels. */
@Injectable()
export class SocketMetrics {
  constructor(
    @InjectMetric('websocket_connections_total') private readonly opened: Counter,
    @InjectMetric('websocket_connections_open') private readonly open: Gauge,
    @InjectMetric('websocket_connection_duration_seconds') private readonly duration: Histogram,
    @InjectMetric('websocket_messages_sent_total') private readonly sent: Counter,
    @InjectMetric('websocket_messages_received_total') private readonly received: Counter,
    @InjectMetric('websocket_messages_superseded_total') private readonly superseded: Counter,
    @InjectMetric('websocket_closed_total') private readonly closedByServer: Counter,
  ) {}

  connected(channel: string): void {
    this.opened.inc({ channel });
    this.open.inc({ channel });
  }

  disconnected(channel: string, seconds: number): void {
    this.open.dec({ channel });
    this.duration.observe({ channel }, seconds);
  }

  messagesSent(channel: string, count: number): void {
    if (count > 0) this.sent.inc({ channel }, count);
  }

  messageReceived(channel: string): void {
    this.received.inc({ channel });
  }

  frameSuperseded(channel: string): void {
    this.superseded.inc({ channel });
  }

  closed(channel: string, code: number): void {
    this.closedByServer.inc({ channel, code: String(code) });
  }
}
