export { AuthModule } from './auth.module.js';
export { SESSIONS_ENDED, type SessionsEnded, SessionsService } from './sessions.service.js';
