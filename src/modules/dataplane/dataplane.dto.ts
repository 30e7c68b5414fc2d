/** What carries the tenants' traffic on this node. */
export class DataPlaneStatusResponse {
  /** @example embedded */
  engine: 'embedded' | 'haproxy';
  /** @example true */
  running: boolean;
  /**
   * Configuration version that this node should run.
   * @example 42
   */
  version: number;
  /**
   * Configuration version that this node runs.
   * @example 42
   */
  applied_version: number;
  /**
   * Why it does not run the newest version; null when it does.
   * @example null
   */
  error: string | null;
  /**
   * Port for HTTP as bound; null while it does not listen.
   * @example 8088
   */
  http_port: number | null;
  /**
   * Port for HTTPS as bound; null while it does not listen.
   * @example 8443
   */
  https_port: number | null;
}
