import { isProviderError } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import { IdentitySecret } from '@hikyaku/kubernetes';
import { parseIdentities, SealedError } from '@hikyaku/sealing';
import { openKube } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { findIdentities } from '../identity/find-identities.ts';
import type { FoundIdentity } from '../identity/find-identities.ts';
import type { IdentityFileOptions } from '../identity/identity-files.ts';
import { ownNamespace } from '../own-namespace.ts';
import { UserError } from '../user-error.ts';

export type IdentityOptions = GlobalOptions & IdentityFileOptions;

/** What a person opens sealed values with: their own keys, and those of a cluster whose context they name. None is no error. */
export async function identitiesAtHand(options: IdentityOptions, edge: Edge): Promise<readonly FoundIdentity[]> {
  const own = await findIdentities({ ...options, plugIns: true }, edge);
  return options.context === undefined ? own : [...(await identitiesOfCluster(options, edge)), ...own];
}

/** The keys that are there without any question, for what is only nice to know. */
export async function identitiesWithoutAsking(options: IdentityOptions, edge: Edge): Promise<readonly FoundIdentity[]> {
  if (options.identity !== undefined) return await findIdentities(options, edge);
  // A password manager may ask on its own.
  const { SOPS_AGE_KEY_CMD: _, ...env } = edge.env;
  const stdin = Object.create(edge.stdin, { isTTY: { value: false } }) as Edge['stdin'];
  try {
    return await findIdentities(options, { ...edge, env, stdin });
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

/** What the cluster's own Secret holds. Throws a UserError where that cannot be told. */
async function identitiesOfCluster(options: GlobalOptions, edge: Edge): Promise<readonly FoundIdentity[]> {
  const { client, loaded } = openKube(options, edge);
  const agent = ownNamespace(options, edge);
  try {
    const kept = await new IdentitySecret({ client, access: { agent, proof: 'look' } }).read(edge);
    const from = `the cluster ${loaded.context}`;
    if (kept === undefined)
      throw new UserError(`there is no identity in ${loaded.context}, namespace ${agent}`, EXIT.failed);
    return [...kept.keyFiles.values()].flatMap((text) => parseIdentities(text).map((identity) => ({ identity, from })));
  } catch (error) {
    edge.signal.throwIfAborted();
    const isTold =
      error instanceof SealedError || error instanceof TargetError || isKubeError(error) || isProviderError(error);
    if (!isTold) throw error;
    throw new UserError(`the identity of ${loaded.context} cannot be read: ${error.message}`, EXIT.failed);
  } finally {
    await client.close();
  }
}
