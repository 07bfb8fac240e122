import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { IdentitySecret, readPublishedIdentity } from '@hikyaku/kubernetes';
import type { Access } from '@hikyaku/kubernetes';
import { fingerprintOf, parseIdentities, recipientOf, recipientProblem, SealedError } from '@hikyaku/sealing';
import { openKube } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { ownNamespace } from '../own-namespace.ts';
import { UserError } from '../user-error.ts';

/** Public keys, and how they came to be known. */
export interface FoundKeys {
  /** At least one, the newest first. */
  readonly keys: readonly string[];
  /** For people. */
  readonly from: string;
  /** The cluster's own Secret proves that it can open what is sealed to them; what is only shown could be anybody's. */
  readonly proven: boolean;
}

/** As a person has typed it. Throws a UserError, which does not quote it: it may be a private one. */
export function checkKey(name: string, key: string): FoundKeys {
  const problem = recipientProblem(key);
  if (problem !== undefined) throw new UserError(`the key of ${name} ${problem}`);
  return { keys: [key], from: 'as given', proven: true };
}

/** Of the cluster whose context the options name: by its identity, where the person may read it, else as its agent shows it. Throws a UserError. */
export async function keysOfCluster(options: GlobalOptions, edge: Edge): Promise<FoundKeys> {
  const { client, loaded } = openKube(options, edge);
  const access: Access = { agent: ownNamespace(options, edge), proof: 'look' };
  const where = `${loaded.context}, namespace ${access.agent}`;
  try {
    const kept = await readSecret(client, access, edge);
    if (kept !== undefined) return { keys: kept, from: `the identity in ${where}`, proven: true };
    const published = await readPublishedIdentity(client, access, edge);
    const keys = (published?.recipients ?? []).filter((key) => recipientProblem(key) === undefined);
    if (keys.length === 0)
      throw new UserError(
        `there is no identity in ${where}: install the agent there first, or make one for it: hikyaku recipients new NAME`,
        EXIT.failed,
      );
    return { keys, from: `what the agent shows in ${where}`, proven: false };
  } catch (error) {
    edge.signal.throwIfAborted();
    if (!(error instanceof SealedError || error instanceof TargetError || isKubeError(error))) throw error;
    throw new UserError(`the key in ${where} cannot be read: ${error.message}`, EXIT.failed);
  } finally {
    await client.close();
  }
}

/** `undefined` where there is none, or where it may not be read. */
async function readSecret(
  client: KubeClient,
  access: Access,
  options: CallOptions,
): Promise<readonly string[] | undefined> {
  try {
    const kept = await new IdentitySecret({ client, access }).read(options);
    const identities = [...(kept?.keyFiles.values() ?? [])].flatMap(parseIdentities);
    return kept === undefined ? undefined : await Promise.all(identities.map(recipientOf));
  } catch (error) {
    if (error instanceof TargetError && error.code === 'FORBIDDEN') return undefined;
    throw error;
  }
}

export function fingerprintsText(keys: readonly string[]): string {
  return keys.map(fingerprintOf).join(', ');
}
