import { type LookupAddress, lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { mayBeBackend } from '../../../../common/addresses.js';

/** A backend's name leads to an address that no backend may have. */
class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED';
}

/**
 * Resolves a backend's name to the addresses that it may have. Whoever owns the name can change where it leads after
 * the configuration was checked (DNS rebinding), so the address that is connected to is judged, each time.
 */
export const backendLookup =
  (allowPrivate: boolean): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const allowed = (found as LookupAddress[]).filter(({ address }) =>
        mayBeBackend(address, { allowPrivate }),
      );
      if (!allowed.length)
        return callback(new AddressRefused('the name leads to an address that is not allowed'), []);
      if (options.all) callback(null, allowed);
      else callback(null, allowed[0]!.address, allowed[0]!.family);
    });
  };
