import { Module } from '@nestjs/common';
import { DataPlaneModule } from '../dataplane/index.js';
import { StatusController } from './status.controller.js';
import { StatusService } from './status.service.js';

@Module({
  imports: [DataPlaneModule],
  controllers: [StatusController],
  providers: [StatusService],
  exports: [StatusService],
})
export class StatusModule {}
