/** From least to most: each role may do what the ones before it may. */
export const ROLES = ['viewer', 'member', 'admin', 'owner', 'superadmin'] as const;
export type Role = (typeof ROLES)[number];
/** Roles inside a tenant; superadmin is the operator of the installation. */
export const TENANT_ROLES = ['owner', 'admin', 'member', 'viewer'] as const;
export type TenantRole = (typeof TENANT_ROLES)[number];

/**
 * Who may do what: the least role for each operation. An endpoint names one of these; the OpenAPI document shows it
 * as `x-permission` and `x-roles`, and a test calls every endpoint with every role.
 */
export const PERMISSIONS = {
  'profile.read': 'viewer',
  'profile.write': 'viewer',
  'tenants.list': 'viewer',
  'tenants.read': 'viewer',
  'tenants.create': 'superadmin',
  'tenants.update': 'admin',
  'tenants.delete': 'superadmin',
  'users.read': 'viewer',
  'users.write': 'admin',
  'pools.read': 'viewer',
  'pools.write': 'member',
  'backends.read': 'viewer',
  'backends.write': 'member',
  'routes.read': 'viewer',
  'routes.write': 'member',
  'certificates.read': 'viewer',
  'certificates.write': 'admin',
  'monitoring.read': 'viewer',
  'alerts.read': 'viewer',
  'alerts.write': 'member',
  'realtime.read': 'viewer',
  'realtime.control': 'superadmin',
  'status.read': 'viewer',
  'system.read': 'superadmin',
  'system.write': 'superadmin',
  'cluster.read': 'superadmin',
  'workers.read': 'superadmin',
  'workers.write': 'superadmin',
  'logs.read': 'superadmin',
  'settings.read': 'superadmin',
  'settings.write': 'superadmin',
  'audit.read': 'admin',
  'admin.read': 'superadmin',
  'admin.write': 'superadmin',
  'billing.read': 'viewer',
  'billing.write': 'owner',
  'billing.operate': 'superadmin',
  'ai.read': 'viewer',
  'ai.predict': 'member',
  'ai.write': 'member',
  'ai.configure': 'admin',
  'config.read': 'viewer',
  'config.write': 'admin',
  'backup.read': 'superadmin',
  'backup.write': 'superadmin',
  'oidc.read': 'viewer',
  'oidc.write': 'admin',
  'apikeys.read': 'admin',
  'apikeys.write': 'admin',
  'webhooks.read': 'admin',
  'webhooks.write': 'admin',
} as const satisfies Record<string, Role>;
export type Permission = keyof typeof PERMISSIONS;

const rank = (role: Role): number => ROLES.indexOf(role);

/** Whether the role, or one below it, has the permission; an API key's scopes may still lack it. */
export const roleAllows = (role: Role, permission: Permission): boolean =>
  rank(role) >= rank(PERMISSIONS[permission]);

/** Whether `actor` may give or take `role`: nobody grants above themselves. */
export const mayGrant = (actor: Role, role: Role): boolean => rank(actor) >= rank(role);
