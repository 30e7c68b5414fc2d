import { Global, Module } from '@nestjs/common';
import { GuardedClient } from './guarded-client.js';

@Global()
@Module({ providers: [GuardedClient], exports: [GuardedClient] })
export class HttpClientModule {}
