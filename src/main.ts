import 'reflect-metadata';
import { start } from './server.js';

start().catch((error: Error) => {
  process.stderr.write(`\nVeloFlux could not start: ${error.message}\n`);
  process.exit(1);
});
