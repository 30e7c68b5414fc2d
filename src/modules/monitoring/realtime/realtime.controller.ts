import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, CurrentUser, type Principal } from '../../../platform/security/index.js';
import {
  ConnectionsResponse,
  ControlRequest,
  ControlResponse,
  ForceUpdateRequest,
  ForceUpdateResponse,
} from './realtime.dto.js';
import { RealtimeService } from './realtime.service.js';

@ApiTags('Live channels')
@Controller()
export class RealtimeController {
  constructor(private readonly realtime: RealtimeService) {}

  @Post('api/ws/control')
  @HttpCode(200)
  @Access('realtime.control')
  @ApiOperation({
    summary: 'Pause, resume or change the interval of one live channel or all, on every node',
  })
  async control(@Body() body: ControlRequest): Promise<ControlResponse> {
    return { control: 'ok', channels: await this.realtime.control(body) };
  }

  @Post('api/ws/force-update')
  @HttpCode(200)
  @Access('realtime.control')
  @ApiBody({ type: ForceUpdateRequest, required: false })
  @ApiOperation({ summary: 'Send every client the newest state now, on every node' })
  async forceUpdate(@Body() body: ForceUpdateRequest): Promise<ForceUpdateResponse> {
    return { force_update: 'triggered', clients: await this.realtime.forceUpdate(body?.channel) };
  }

  @Get(['ws/connections', 'api/ws/connections'])
  @Access('realtime.read')
  @ApiOperation({ summary: 'Clients of the live channels on this node' })
  connections(@CurrentUser() user: Principal): ConnectionsResponse {
    return this.realtime.connections(user);
  }
}
