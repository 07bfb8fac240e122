import { randomBytes } from 'node:crypto';
import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import { AGENT_LABEL, MANAGED_BY_LABEL, OWN } from './ownership.ts';
import type { Access } from './ownership.ts';
import { toTargetError } from './to-target-error.ts';

/** The key of the Secret. */
const ENTRY = 'hmac.key';
const KEY_BYTES = 32;

/** The key of the inventory's HMACs: read from a Secret of its own in the agent's namespace, made there once. With `readOnly` nothing is made: for a look any key will do. */
export async function loadHmacKey(
  client: KubeClient,
  { agent }: Access,
  { signal, readOnly = false }: CallOptions & { readonly readOnly?: boolean },
): Promise<Uint8Array> {
  async function read(): Promise<Uint8Array | undefined> {
    const live = await client.secrets.get(agent, OWN.inventoryKey, { signal }).catch((error: unknown) => {
      if (isKubeError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    });
    return live && keyOf(live, agent);
  }
  try {
    const present = await read();
    if (present !== undefined) return present;
    const key = randomBytes(KEY_BYTES);
    if (readOnly) return key;
    const labels = { [AGENT_LABEL]: agent, [MANAGED_BY_LABEL]: 'hikyaku' };
    const metadata = { namespace: agent, name: OWN.inventoryKey, labels };
    const data = { [ENTRY]: key.toString('base64') };
    try {
      await client.secrets.create({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data }, { signal });
      return key;
    } catch (error) {
      // Two agents started at once: the first one's key counts.
      const winner = isKubeError(error) && error.code === 'ALREADY_EXISTS' ? await read() : undefined;
      if (winner === undefined) throw error;
      return winner;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw toTargetError(error, agent, OWN.inventoryKey, agent);
  }
}

function keyOf({ data }: SecretObject, agent: string): Uint8Array {
  const key = Buffer.from(data?.[ENTRY] ?? '', 'base64');
  if (key.byteLength === KEY_BYTES) return key;
  const remedy = 'delete it, and a new one is made; no Secret is lost by that';
  throw new TargetError(
    'INVALID',
    `Secret ${agent}/${OWN.inventoryKey} does not hold ${KEY_BYTES} bytes under ${ENTRY}: ${remedy}`,
  );
}
