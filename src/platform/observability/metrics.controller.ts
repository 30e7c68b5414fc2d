import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { PrometheusController } from '@willsoto/nestjs-prometheus';
import { Public, Unlimited } from '../security/access.js';

/** Prometheus exposition, outside of the OpenAPI document as its readers are machines with a format of their own. */
@ApiExcludeController()
@Public()
@Unlimited()
@Controller()
export class MetricsController extends PrometheusController {
  @Get()
  override index(@Res({ passthrough: true }) response: unknown): Promise<string> {
    return super.index(response as never);
  }
}
