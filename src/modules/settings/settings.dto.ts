import { IsBoolean, IsIn, IsInt, isEmail, Max, Min, ValidateBy } from 'class-validator';
import { AllMayBeAbsent } from '../../platform/http/index.js';
import { LOG_LEVELS, type LogLevel } from '../../platform/observability/index.js';

/** The installation's settings, in effect at once on every node. */
export class SettingsResponse {
  /**
   * Whether each node samples its machine and alerts on the thresholds below. Switched off, those alerts end; alerts
   * about backends, nodes, workers, quotas and certificates go on.
   * @example true
   */
  @IsBoolean()
  monitoring_enabled: boolean;

  /**
   * Seconds between two samples of the system metrics.
   * @example 5
   */
  @IsInt()
  @Min(1)
  @Max(3600)
  update_interval: number;

  /**
   * Per cent of CPU use above which an alert fires; above 97 a second one does, which is critical.
   * @example 80
   */
  @IsInt()
  @Min(1)
  @Max(100)
  alert_threshold_cpu: number;

  /**
   * Per cent of memory use above which an alert fires; above 97 a second one does, which is critical.
   * @example 80
   */
  @IsInt()
  @Min(1)
  @Max(100)
  alert_threshold_memory: number;

  /**
   * Per cent of disk use above which an alert fires; above 97 a second one does, which is critical.
   * @example 90
   */
  @IsInt()
  @Min(1)
  @Max(100)
  alert_threshold_disk: number;

  /**
   * Whether alerts are sent to `notification_email`.
   * @example false
   */
  @IsBoolean()
  email_notifications: boolean;

  /**
   * Whether alerts are sent to the Slack webhook of the environment.
   * @example false
   */
  @IsBoolean()
  slack_notifications: boolean;

  /**
   * Where alert e-mails go; empty: nowhere.
   * @example ops@example.com
   */
  @ValidateBy({
    name: 'isEmail',
    validator: {
      validate: (value) => value === '' || isEmail(value),
      defaultMessage: () => 'notification_email must be an e-mail address or empty',
    },
  })
  notification_email: string;

  /**
   * Minutes that an access token lives.
   * @example 30
   */
  @IsInt()
  @Min(1)
  @Max(1440)
  session_timeout: number;

  /**
   * Wrong passwords in a row that lock an account for 15 minutes.
   * @example 5
   */
  @IsInt()
  @Min(1)
  @Max(100)
  max_login_attempts: number;

  /**
   * Least level that is written to the program's log.
   * @example INFO
   */
  @IsIn(LOG_LEVELS)
  log_level: LogLevel;

  /**
   * Whether backups are made on a schedule.
   * @example true
   */
  @IsBoolean()
  backup_enabled: boolean;

  /**
   * Hours between two backups.
   * @example 24
   */
  @IsInt()
  @Min(1)
  @Max(8760)
  backup_interval: number;
}

export const DEFAULT_SETTINGS: Readonly<SettingsResponse> = {
  monitoring_enabled: true,
  update_interval: 5,
  alert_threshold_cpu: 80,
  alert_threshold_memory: 80,
  alert_threshold_disk: 90,
  email_notifications: false,
  slack_notifications: false,
  notification_email: '',
  session_timeout: 30,
  max_login_attempts: 5,
  log_level: 'INFO',
  backup_enabled: true,
  backup_interval: 24,
};

/** Any part of the settings; what is not sent stays as it is. */
export class UpdateSettingsRequest extends AllMayBeAbsent(SettingsResponse) {}

export class UpdateSettingsResponse {
  /** @example "Settings updated successfully" */
  message: string;
  settings: SettingsResponse;
}
