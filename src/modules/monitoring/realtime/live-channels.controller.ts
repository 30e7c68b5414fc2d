import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Channels, WebSocketEndpoint } from '../../../platform/realtime/index.js';
import { Access, CurrentUser, type Principal, Public } from '../../../platform/security/index.js';
import {
  AlertsFrame,
  BackendsFrame,
  BackendsUpdateFrame,
  DashboardFrame,
  HealthFrame,
  MetricsFrame,
  SecurityFrame,
  StatusFrame,
} from './frames.dto.js';

/** The addresses of this module's live channels; gateways serve what asks for an upgrade. */
@ApiTags('Live channels')
@Controller('api/ws')
export class LiveChannelsController {
  constructor(private readonly channels: Channels) {}

  @Get('backends')
  @Access('backends.read')
  @WebSocketEndpoint(
    'Follow the backends: all of them first, then what changes',
    BackendsFrame,
    BackendsUpdateFrame,
  )
  backends(@CurrentUser() user: Principal): Promise<BackendsFrame> {
    return this.channels.current('backends', user);
  }

  @Get('metrics')
  @Access('realtime.read')
  @WebSocketEndpoint('Follow the load of this machine and your traffic on it, every 2 s', MetricsFrame)
  metrics(@CurrentUser() user: Principal): Promise<MetricsFrame> {
    return this.channels.current('metrics', user);
  }

  @Get('status')
  @Public()
  @WebSocketEndpoint('Follow the status of the product, every 10 s', StatusFrame)
  status(): Promise<StatusFrame> {
    return this.channels.current('status', null);
  }

  @Get('health')
  @Public()
  @WebSocketEndpoint('Follow whether the product works, every 15 s', HealthFrame)
  health(): Promise<HealthFrame> {
    return this.channels.current('health', null);
  }

  @Get('security')
  @Access('realtime.read')
  @WebSocketEndpoint('Follow sign-ins, refusals and changes of roles', SecurityFrame)
  security(@CurrentUser() user: Principal): Promise<SecurityFrame> {
    return this.channels.current('security', user);
  }

  @Get('alerts')
  @Access('alerts.read')
  @WebSocketEndpoint('Follow the alerts that fire', AlertsFrame)
  alerts(@CurrentUser() user: Principal): Promise<AlertsFrame> {
    return this.channels.current('alerts', user);
  }

  @Get('dashboard')
  @Access('cluster.read')
  @WebSocketEndpoint('Follow the operators’ dashboard, every 3 s; also /ws/{client_id}', DashboardFrame)
  dashboard(@CurrentUser() user: Principal): Promise<DashboardFrame> {
    return this.channels.current('dashboard', user);
  }
}
