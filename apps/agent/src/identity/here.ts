import { configFor } from '@hikyaku/config';
import type { ClusterConfig, Config } from '@hikyaku/config';
import { isProviderError } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { SealedValues } from '../credentials/sealed-values.ts';
import { UserError } from '../user-error.ts';
import type { OwnIdentity } from './own-identity.ts';

/** What a config says to the cluster at hand, and what opens what is sealed to it. */
export interface Here extends ClusterConfig {
  /** Its name under `recipients`; `undefined` where that is not known. */
  readonly cluster: string | undefined;
  readonly sealed: SealedValues;
}

/** Throws a UserError where what is said of the cluster contradicts itself; rejects with a ProviderError where it cannot be asked now. */
export async function here(config: Config, identity: OwnIdentity, options: CallOptions): Promise<Here> {
  const cluster = await identity.cluster(options).catch((error: unknown) => {
    options.signal.throwIfAborted();
    if (isProviderError(error) && error.code === 'INVALID_CONFIG') throw new UserError(error.message);
    throw error;
  });
  return { ...configFor(config, cluster), cluster, sealed: new SealedValues(identity) };
}

/** Of entries that are for certain clusters only, where it is not known which one this is. */
export function countUndecided({ secrets, pushes }: ClusterConfig['undecided']): number {
  return secrets.length + pushes.length;
}
