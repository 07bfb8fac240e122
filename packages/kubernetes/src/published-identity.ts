import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient } from '@hikyaku/kube-client';
import { OWN } from './ownership.ts';
import type { Access } from './ownership.ts';

/** The public half of a cluster's identity, as the ConfigMap `hikyaku-identity` shows it to people. */
export interface PublishedIdentity {
  /** Age recipients, the newest first. */
  readonly recipients: readonly string[];
  /** Of each of them, in the same order. */
  readonly fingerprints: readonly string[];
  /** RSA, SPKI, PEM. */
  readonly servicePrincipalPublicKey?: string;
}

const ROUNDS = 3;

/** What is shown; `undefined` where there is no ConfigMap. It proves nothing: whoever may write ConfigMaps there may have written it. Throws KubeError. */
export async function readPublishedIdentity(
  client: KubeClient,
  { agent }: Pick<Access, 'agent'>,
  options: CallOptions,
): Promise<PublishedIdentity | undefined> {
  const live = await getConfigMap(client, agent, options);
  if (live === undefined) return undefined;
  const { recipient = '', fingerprint = '', servicePrincipalPublicKey } = live.data ?? {};
  return {
    recipients: linesOf(recipient),
    fingerprints: linesOf(fingerprint),
    ...(servicePrincipalPublicKey !== undefined && { servicePrincipalPublicKey }),
  };
}

/**
 * Whether it is shown now: nothing is written where it is already. The ConfigMap is made only with a person's rights, as the agent's own
 * do not let it. Throws KubeError.
 */
export async function publishIdentity(
  client: KubeClient,
  { agent, proof }: Access,
  { recipients, fingerprints, servicePrincipalPublicKey }: PublishedIdentity,
  options: CallOptions,
): Promise<boolean> {
  const data: Readonly<Record<string, string>> = {
    recipient: textOf(recipients),
    fingerprint: textOf(fingerprints),
    ...(servicePrincipalPublicKey !== undefined && { servicePrincipalPublicKey }),
  };
  for (let round = 1; ; round++) {
    const live = await getConfigMap(client, agent, options);
    if (live !== undefined && isEqual(live.data ?? {}, data)) return true;
    if (live === undefined && proof === 'policy') return false;
    try {
      if (live !== undefined) await client.configMaps.replace({ ...live, data }, options);
      else await client.configMaps.create({ metadata: { namespace: agent, name: OWN.identity }, data }, options);
      return true;
    } catch (error) {
      options.signal.throwIfAborted();
      // Another replica shows the same.
      const changedMeanwhile = isKubeError(error) && (error.code === 'CONFLICT' || error.code === 'ALREADY_EXISTS');
      if (!changedMeanwhile || round >= ROUNDS) throw error;
    }
  }
}

async function getConfigMap(
  client: KubeClient,
  agent: string,
  options: CallOptions,
): Promise<ConfigMapObject | undefined> {
  return await client.configMaps.get(agent, OWN.identity, options).catch((error: unknown) => {
    if (isKubeError(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  });
}

function isEqual(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return Object.keys(a).length === Object.keys(b).length && Object.entries(b).every(([key, text]) => a[key] === text);
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
