import { mayGrant, PERMISSIONS, type Permission, ROLES, roleAllows } from './permissions.js';

describe('permissions', () => {
  it('grow with the role: whoever may do less may do nothing that others may not', () => {
    for (const permission of Object.keys(PERMISSIONS) as Permission[]) {
      const allowed = ROLES.map((role) => roleAllows(role, permission));
      expect(allowed).toEqual([...allowed].sort());
    }
  });

  it('let nobody grant above themselves', () => {
    expect(mayGrant('admin', 'owner')).toBe(false);
    expect(mayGrant('owner', 'owner')).toBe(true);
    expect(mayGrant('member', 'admin')).toBe(false);
  });
});
