import { Logger } from '@nestjs/common';

// what a test provokes is no news
Logger.overrideLogger(false);
