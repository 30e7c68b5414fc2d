import { Global, Module } from '@nestjs/common';
import { Leader } from './leader.js';

@Global()
@Module({ providers: [Leader], exports: [Leader] })
export class JobsModule {}
