export { JobsModule } from './jobs.module.js';
export { Leader } from './leader.js';
export { type Periodic, repeat } from './periodic.js';
export { type JobControl, WorkQueue } from './work-queue.js';
