export { normaliseHost, normalisePath } from './host.js';
export type { RouteFeaturesBody } from './route-features.dto.js';
export { fromStored, type StoredFeatures, toStored } from './route-features.js';
export { CreateRouteRequest, RouteResponse, UpdateRouteRequest } from './routes.dto.js';
export { RoutesModule } from './routes.module.js';
export { type RouteRow, type RouteSource, RoutesReadModel } from './routes.read-model.js';
export { RoutesService } from './routes.service.js';
