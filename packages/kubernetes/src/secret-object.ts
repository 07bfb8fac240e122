import type { DesiredSecret, Fingerprint } from '@hikyaku/engine';
import type { SecretObject } from '@hikyaku/kube-client';
import { hmac } from './hmac.ts';
import { AGENT_LABEL, FLUX_PRUNE_ANNOTATION, MANAGED_BY_LABEL, SOURCES_ANNOTATION } from './ownership.ts';

/** The whole object as it is written: base64 `data` only, as the API server's errors quote a wrong `stringData`. */
export function secretObject(desired: DesiredSecret, agent: string): SecretObject {
  const { namespace, name, type, immutable } = desired;
  // An assignment would lose the key `__proto__`.
  const data = Object.fromEntries([...desired.data].map(([key, { value }]) => [key, base64(value.reveal())]));
  const metadata = { namespace, name, labels: labelsOf(desired, agent), annotations: annotationsOf(desired) };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type, ...(immutable && { immutable }), data };
}

/** HMACs, cut to 128 bits; the Secret's id goes in, so that equal values in two Secrets do not look equal. */
export function fingerprintOfDesired(desired: DesiredSecret, agent: string, hmacKey: Uint8Array): Fingerprint {
  const { id, type, immutable, existing } = desired;
  const keys = new Map([...desired.data].map(([key, { value }]) => [key, hmac(hmacKey, id, key, value.reveal())]));
  if (existing === 'merge') return { keys, shape: MERGED_SHAPE };
  return {
    keys,
    shape: shape(hmacKey, id, {
      type,
      immutable,
      labels: labelsOf(desired, agent),
      annotations: annotationsOf(desired),
    }),
  };
}

/** Of Secrets that keys are merged into: their shape is their owner's. */
export const MERGED_SHAPE = 'merged';

/** The same of a live Secret; what others put on it makes its shape another one. */
export function fingerprintOfLive(live: SecretObject, hmacKey: Uint8Array): Fingerprint {
  const { namespace, name, labels = {}, annotations = {}, ownerReferences = [], finalizers = [] } = live.metadata;
  const id = `${namespace}/${name}`;
  const keys = new Map(
    Object.entries(live.data ?? {}).map(([key, value]) => [key, fingerprintOfValue(hmacKey, id, key, value)]),
  );
  const foreign = ownerReferences.length + finalizers.length > 0 && { foreign: true };
  return {
    keys,
    shape: shape(hmacKey, id, {
      type: live.type ?? 'Opaque',
      immutable: live.immutable ?? false,
      labels,
      annotations,
      ...foreign,
    }),
  };
}

function labelsOf({ labels }: DesiredSecret, agent: string): Record<string, string> {
  return { ...labels, [MANAGED_BY_LABEL]: 'hikyaku', [AGENT_LABEL]: agent };
}

function annotationsOf({ annotations, data }: DesiredSecret): Record<string, string> {
  const sources = [...new Set([...data.values()].map(({ source }) => source))].toSorted().join(',');
  return { ...annotations, [SOURCES_ANNOTATION]: sources, [FLUX_PRUNE_ANNOTATION]: 'disabled' };
}

interface Shape {
  readonly type: string;
  readonly immutable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly foreign?: boolean;
}

function shape(
  hmacKey: Uint8Array,
  id: string,
  { type, immutable, labels, annotations, foreign = false }: Shape,
): string {
  const canonical = JSON.stringify([type, immutable, sortedEntries(labels), sortedEntries(annotations), foreign]);
  return hmac(hmacKey, id, '', Buffer.from(canonical));
}

function sortedEntries(map: Readonly<Record<string, string>>): (readonly [string, string])[] {
  return Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Of one base64 value of a live Secret. */
export function fingerprintOfValue(hmacKey: Uint8Array, id: string, key: string, value: string): string {
  return hmac(hmacKey, id, key, Buffer.from(value, 'base64'));
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
