export class DataPlaneStatusResponse {
  /** @example embedded */
  engine: 'embedded' | 'haproxy';
  /** @example true */
  running: boolean;
  /**
   * Newest configuration version that this node knows.
   * @example 42
   */
  version: number;
  /**
   * Version that carries traffic on this node.
   * @example 42
   */
  applied_version: number;
  /**
   * Why the newest version is not in effect; null when it is.
   * @example null
   */
  error: string | null;
  /** @example 8088 */
  http_port: number | null;
  /** @example 8443 */
  https_port: number | null;
}
