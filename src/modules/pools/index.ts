export { CreatePoolRequest, PoolResponse, UpdatePoolRequest } from './pools.dto.js';
export { PoolsModule } from './pools.module.js';
export { type PoolRow, PoolsReadModel } from './pools.read-model.js';
export { PoolsService } from './pools.service.js';
