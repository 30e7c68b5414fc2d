/** Notification after any change of a tenant, its plan included. */
export const TENANT_CHANGED = 'tenant';
/** Payload of {@link TENANT_CHANGED}. */
export interface TenantChanged {
  tenantId: string;
}
