import { createHash } from 'node:crypto';
import { ProviderError, refId } from '@hikyaku/core';
import type { ReadRequest, Secret } from '@hikyaku/core';
import { shownName } from './vault.ts';
import type { Versions, Wanted } from './vault.ts';

/** What a read has to ask for, and what it need not. Keys are `refId`; what is in no map does not exist. */
export interface ReadPlan {
  readonly known: ReadonlyMap<string, Secret>;
  /** To be unveiled, in this order. */
  readonly due: ReadonlyMap<string, Wanted>;
  readonly refused: ReadonlyMap<string, ProviderError>;
}

export interface ReadPlanOptions {
  readonly versions: Versions;
  readonly rereadAfterMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Pure. What the list shows to be unchanged is not asked for, but for values that were read long ago. */
export function planRead(
  { all, wants = () => true, refs, previous }: Pick<ReadRequest, 'all' | 'wants' | 'refs' | 'previous'>,
  { versions, rereadAfterMs, now }: ReadPlanOptions,
): ReadPlan {
  const wanted = new Map<string, Wanted>();
  const refused = new Map<string, ProviderError>();
  if (all) for (const name of versions.keys()) if (wants(name)) wanted.set(refId({ name }), { name });
  for (const ref of refs) {
    const { name } = ref;
    if (ref.version === undefined) wanted.set(refId(ref), { name });
    else if (/^[1-9]\d{0,8}$/.test(ref.version)) wanted.set(refId(ref), { name, version: Number(ref.version) });
    else refused.set(refId(ref), noVersion(name));
  }

  const known = new Map<string, Secret>();
  const ranked: { readonly id: string; readonly item: Wanted; readonly rank: number }[] = [];
  for (const [id, item] of wanted) {
    if (!exists(item, versions)) continue;
    const before = previous?.secrets.get(id);
    const current = before !== undefined && before.version === String(item.version ?? versions.get(item.name));
    if (current) known.set(id, before);
    if (current && !isOld(id, before, rereadAfterMs, now)) continue;
    // What failed before must not keep the others from being read.
    const failed = (previous?.unknown?.get(id)?.code ?? 'PENDING') !== 'PENDING';
    ranked.push({ id, item, rank: current ? 2 : failed ? 1 : 0 });
  }
  const due = new Map(ranked.toSorted((a, b) => a.rank - b.rank).map(({ id, item }) => [id, item]));
  return { known, due, refused };
}

/** A version above the latest does not exist; a list is the only proof that something does not. */
export function exists({ name, version = 0 }: Wanted, versions: Versions): boolean {
  const latest = versions.get(name);
  return latest !== undefined && version <= latest;
}

/** Up to a tenth earlier, in eight groups, so that what was read together is not all read again together. */
function isOld(id: string, { readAt }: Secret, rereadAfterMs: number, now: number): boolean {
  if (readAt === undefined) return true;
  const group = (createHash('sha256').update(id).digest()[0] ?? 0) % 8;
  // A clock that was set back must not make values young for long.
  return Math.abs(now - readAt) >= rereadAfterMs * (1 - group / 80);
}

function noVersion(name: string): ProviderError {
  return new ProviderError(
    'INVALID_CONFIG',
    `the \`version\` of ${shownName(name)} is none that SAKURA gives: these are whole numbers from 1`,
  );
}
