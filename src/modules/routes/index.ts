export type { StoredFeatures } from './route-features.js';
export { RoutesModule } from './routes.module.js';
export { type RouteRow, RoutesReadModel } from './routes.read-model.js';
export { RoutesService } from './routes.service.js';
