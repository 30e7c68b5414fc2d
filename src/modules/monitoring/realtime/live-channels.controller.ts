import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { upgradeRequired, WebSocketEndpoint } from '../../../platform/realtime/index.js';
import { Access, Public } from '../../../platform/security/index.js';
import {
  AlertsFrame,
  BackendsFrame,
  BackendsUpdateFrame,
  DashboardFrame,
  DashboardHandshake,
  DashboardPath,
  HealthFrame,
  MetricsFrame,
  SecurityFrame,
  StatusFrame,
} from './frames.dto.js';

/** The addresses of this module's live channels; gateways serve what asks for an upgrade. */
@ApiTags('Live channels')
@Controller()
export class LiveChannelsController {
  @Get('api/ws/backends')
  @Access('backends.read')
  @WebSocketEndpoint(
    'Follow the backends: all of them first, then what changes',
    BackendsFrame,
    BackendsUpdateFrame,
  )
  backends(): never {
    throw upgradeRequired();
  }

  @Get('api/ws/metrics')
  @Access('realtime.read')
  @WebSocketEndpoint('Follow the load of this machine and your traffic on it, every 2 s', MetricsFrame)
  metrics(): never {
    throw upgradeRequired();
  }

  @Get('api/ws/status')
  @Public()
  @WebSocketEndpoint('Follow the status of the product, every 10 s', StatusFrame)
  status(): never {
    throw upgradeRequired();
  }

  @Get('api/ws/health')
  @Public()
  @WebSocketEndpoint('Follow whether the product works, every 15 s', HealthFrame)
  health(): never {
    throw upgradeRequired();
  }

  @Get('api/ws/security')
  @Access('realtime.read')
  @WebSocketEndpoint('Follow sign-ins, refusals and changes of roles', SecurityFrame)
  security(): never {
    throw upgradeRequired();
  }

  @Get('api/ws/alerts')
  @Access('alerts.read')
  @WebSocketEndpoint('Follow the alerts that fire', AlertsFrame)
  alerts(): never {
    throw upgradeRequired();
  }

  @Get('api/ws/dashboard')
  @Access('cluster.read')
  @WebSocketEndpoint('Follow the operators’ dashboard, every 3 s', DashboardFrame)
  dashboard(): never {
    throw upgradeRequired();
  }

  @Get('ws/:client_id')
  @Public()
  @WebSocketEndpoint('Follow the operators’ dashboard with a one-time token', DashboardFrame)
  dashboardOf(@Param() _path: DashboardPath, @Query() _query: DashboardHandshake): never {
    throw upgradeRequired();
  }
}
