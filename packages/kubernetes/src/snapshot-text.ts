import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ProviderError, SecretValue } from '@hikyaku/core';
import type { Secret, Snapshot } from '@hikyaku/core';
import type { StoredSnapshot } from '@hikyaku/engine';

/** Of the text; a Secret of a megabyte cannot hold more than a crafted one. */
const LONGEST_TEXT = 64 * 1024 * 1024;

/** Compressed JSON; the same snapshot always gives the same bytes. */
export function encodeSnapshot(stored: StoredSnapshot): Uint8Array {
  return gzipSync(JSON.stringify({ ...contentOf(stored), revision: stored.snapshot.revision }));
}

/**
 * Equal for two that are worth the same after a restart. The revision does not count: it changes with secrets that nobody uses,
 * and a stale one costs a full answer instead of «not modified».
 */
export function digestOf(stored: StoredSnapshot): string {
  return createHash('sha256')
    .update(JSON.stringify(contentOf(stored)))
    .digest('base64');
}

function contentOf({ identity, demand, snapshot: { secrets, unknown } }: StoredSnapshot): object {
  const lines = [...secrets].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([id, secret]) => [id, toPlain(secret)]);
  return { identity, demand, secrets: lines, unknown: [...(unknown?.keys() ?? [])].toSorted() };
}

/** `undefined` where it makes no sense: then there is no snapshot. */
export function decodeSnapshot(bytes: Uint8Array): StoredSnapshot | undefined {
  let document: unknown;
  try {
    document = JSON.parse(gunzipSync(bytes, { maxOutputLength: LONGEST_TEXT }).toString('utf8'));
  } catch {
    return undefined;
  }
  const { identity, demand, revision, secrets: lines, unknown: names } = asRecord(document);
  if (typeof identity !== 'string' || typeof demand !== 'string' || !Array.isArray(lines) || !Array.isArray(names))
    return undefined;
  const secrets = new Map<string, Secret>();
  for (const line of lines) {
    const [id, plain] = Array.isArray(line) ? line : [];
    const secret = fromPlain(asRecord(plain));
    // Half of it could pass for all of it.
    if (typeof id !== 'string' || secret === undefined) return undefined;
    secrets.set(id, secret);
  }
  const pending = new ProviderError('PENDING', 'it had not been read before the restart');
  const unknown = new Map(names.map((name) => [String(name), pending]));
  const snapshot: Snapshot = {
    secrets,
    ...(unknown.size > 0 && { unknown }),
    ...(typeof revision === 'string' && { revision }),
  };
  return { identity, demand, snapshot };
}

/** Text compresses better than its base64. */
function toPlain({ value, version, readAt }: Secret): object {
  const text = value.text();
  return {
    ...(text === undefined ? { bytes: Buffer.from(value.reveal()).toString('base64') } : { text }),
    version,
    readAt,
  };
}

function fromPlain({ text, bytes, version, readAt }: Readonly<Record<string, unknown>>): Secret | undefined {
  const value = typeof text === 'string' ? text : typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : undefined;
  if (value === undefined) return undefined;
  return {
    value: SecretValue.of(value),
    ...(typeof version === 'string' && { version }),
    ...(typeof readAt === 'number' && { readAt }),
  };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
