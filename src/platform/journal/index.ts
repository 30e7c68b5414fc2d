export {
  CONFIGURATION_CHANGED,
  type ConfigurationChange,
  type ConfigurationChanged,
  type DomainEvent,
  Journal,
  SECURITY_EVENT,
  type SecurityEvent,
} from './journal.js';
export { JournalModule } from './journal.module.js';
