import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { ClientTls } from '@hikyaku/core';
import { buildConnector } from 'undici';
import type { AddressRules } from './address-rules.ts';

/** Opens connections for undici to addresses that the rules let through, and to no others. */
export function guardedConnector(tls: ClientTls, rules: AddressRules): buildConnector.connector {
  async function connect(options: buildConnector.Options, callback: buildConnector.Callback): Promise<void> {
    try {
      const { origin } = new URL(`${options.protocol}//${options.host ?? options.hostname}`);
      const addresses = await rules.resolve(origin);
      buildConnector({ ...tls, allowH2: false, lookup: lookupOf(addresses) })(options, callback);
    } catch (error) {
      callback(error instanceof Error ? error : new Error('the connection failed'), null);
    }
  }
  return (options, callback) => void connect(options, callback);
}

/** Gives what was found and checked before: asked again, a name may give other addresses. */
function lookupOf(addresses: readonly LookupAddress[]): LookupFunction {
  return (_, { all }, callback) => {
    const [first] = addresses;
    if (all === true || first === undefined) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };
}
