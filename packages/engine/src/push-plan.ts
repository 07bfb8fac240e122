import type { ProviderError, Secret, SecretValue, Snapshot } from '@hikyaku/core';
import { exceeds } from './exceeds.ts';
import type { Threshold } from './exceeds.ts';
import type { OriginProblem, OriginState } from './push-origin.ts';
import { pushedId } from './push-inventory.ts';
import type { PushedKey, PushInventory } from './push-inventory.ts';
import { pushId } from './push-spec.ts';
import type { PushId, PushSpec } from './push-spec.ts';
import { secretId } from './secret-spec.ts';
import type { SecretId } from './secret-spec.ts';

/** All that is pushed to one source. */
export interface PushInput {
  readonly source: string;
  readonly pushes: readonly OpenPush[];
  /** What was pushed to this very source. */
  readonly pushed: readonly PushedKey[];
  readonly fingerprint: PushInventory['fingerprint'];
}

export interface OpenPush {
  readonly spec: PushSpec;
  readonly origin: OriginState;
}

export interface PushDecision extends PushInput {
  /** What the source has of {@link namesToRead}. */
  readonly remote: Snapshot;
  /** More of what was pushed than this may not go without a person's word. */
  readonly hold: Threshold | 'off';
  /** A person has said that what is held may be written over, and may go: all of it, or that of these pushes. */
  readonly approved?: boolean | ReadonlySet<PushId>;
}

/** What becomes of one push, name by name in order; of one whose entry is gone too. */
export interface PushPlan {
  readonly id: PushId;
  readonly from: SecretId;
  readonly to: string;
  /** Its entry is gone from the config. */
  readonly gone: boolean;
  /** Why nothing is known of the Secret, and so nothing is changed. */
  readonly problem?: OriginProblem;
  readonly steps: readonly PushStep[];
}

export type PushStep = { readonly name: string } & (
  | { readonly kind: 'create'; readonly value: SecretValue }
  | { readonly kind: 'update'; readonly value: SecretValue; readonly before: Secret }
  | { readonly kind: 'equal'; readonly before: Secret }
  /** `ifAbsent`, and it is there. */
  | { readonly kind: 'exists' }
  | { readonly kind: 'remove'; readonly before: Secret }
  /** It is not pushed any more and stays, is gone already, or is not as it was pushed. */
  | { readonly kind: 'forget'; readonly why: 'kept' | 'gone' | 'changed' }
  /** Somebody else's value would be lost. */
  | { readonly kind: 'conflict'; readonly message: string; readonly before: Secret }
  /** Too much would go at once. */
  | { readonly kind: 'hold'; readonly message: string; readonly before: Secret }
  | { readonly kind: 'problem'; readonly message: string; readonly error?: ProviderError }
);

interface Wanted {
  readonly push: OpenPush;
  readonly key: string;
  readonly value: SecretValue | undefined;
}

/** What has to be looked at before anything can be decided. */
export function namesToRead(input: PushInput): readonly string[] {
  const names = new Set<string>();
  for (const [name, [first]] of wantedNames(input)) if (first?.value !== undefined) names.add(name);
  for (const { name, whenRemoved, entry } of leaving(input))
    if (whenRemoved === 'delete' && mayBeOurs(entry)) names.add(name);
  return [...names].toSorted();
}

/**
 * Pure. Nothing is removed or written over but what still is as it was pushed; where a Secret could not be read completely,
 * or has no keys, nothing of it changes.
 */
export function planPushes(input: PushDecision): readonly PushPlan[] {
  const { source, pushes } = input;
  const plans = new Map<PushId, PushPlan & { readonly steps: PushStep[] }>();
  for (const { spec, origin } of pushes) {
    const from = secretId(spec);
    const id = pushId(from, source);
    plans.set(id, { id, from, to: source, gone: false, steps: [], ...(origin.problem && { problem: origin.problem }) });
  }
  function add(from: SecretId, step: PushStep): void {
    const id = pushId(from, source);
    const plan = plans.get(id) ?? { id, from, to: source, gone: true, steps: [] };
    plans.set(id, plan);
    plan.steps.push(step);
  }
  for (const [name, wanted] of wantedNames(input)) {
    for (const one of wanted) {
      if (one.push.origin.data === undefined) continue;
      add(secretId(one.push.spec), wanted.length > 1 ? twice(name, source, wanted) : planName(name, one, input));
    }
  }
  for (const [entry, step] of planLeaving(input)) add(entry.from, step);
  return [...plans.values()].map((plan) => ({ ...plan, steps: plan.steps.toSorted(byName) }));
}

function planName(name: string, { push: { spec }, key, value }: Wanted, input: PushDecision): PushStep {
  const { source, remote, fingerprint } = input;
  if (value === undefined) {
    const stays = `${name} of ${source} stays as it is; add the key, or remove its line under \`data\``;
    return { name, kind: 'problem', message: `${secretId(spec)} has no key ${key}: ${stays}` };
  }
  const unknown = remote.unknown?.get(name);
  if (unknown !== undefined)
    return { name, kind: 'problem', message: `${name} of ${source}: ${unknown.message}`, error: unknown };
  const before = remote.secrets.get(name);
  if (before === undefined) return { name, kind: 'create', value };
  if (before.value.equals(value)) return { name, kind: 'equal', before };
  if (spec.update === 'ifAbsent') return { name, kind: 'exists' };
  const id = pushedId(source, name);
  const entry = input.pushed.find((one) => one.id === id);
  if (isApproved(secretId(spec), input) || (entry !== undefined && isAsPushed(entry, fingerprint(id, before.value))))
    return { name, kind: 'update', value, before };
  const what =
    entry?.fingerprint === undefined
      ? `${source} has another ${name}, which was not pushed from here`
      : `somebody else has changed ${name} at ${source}`;
  return { name, kind: 'conflict', message: `${what}: left alone`, before };
}

function isApproved(from: SecretId, { source, approved = false }: PushDecision): boolean {
  return typeof approved === 'boolean' ? approved : approved.has(pushId(from, source));
}

function twice(name: string, source: string, wanted: readonly Wanted[]): PushStep {
  const secrets = wanted.map(({ push: { spec } }) => secretId(spec)).join(' and ');
  const remedy = 'name the keys under `data`, so that one of them has another name';
  return { name, kind: 'problem', message: `${name} would be pushed to ${source} from ${secrets}: ${remedy}` };
}

/** By name at the source, who wants what there; more than one is a mistake. */
function wantedNames({ pushes }: PushInput): ReadonlyMap<string, readonly Wanted[]> {
  const wanted = new Map<string, Wanted[]>();
  for (const push of pushes) {
    const { data } = push.origin;
    const names = push.spec.data ?? new Map([...(data?.keys() ?? [])].map((key) => [key, key]));
    for (const [name, key] of names)
      wanted.set(name, [...(wanted.get(name) ?? []), { push, key, value: data?.get(key) }]);
  }
  return wanted;
}

interface Leaving {
  readonly name: string;
  readonly entry: PushedKey;
  readonly whenRemoved: PushedKey['whenRemoved'];
}

/** What was pushed and is not any more, as far as that is certain. */
function leaving(input: PushInput): readonly Leaving[] {
  const { source, pushes, pushed } = input;
  const wanted = wantedNames(input);
  // A Secret that could not be read may hold any key.
  if (pushes.some(({ spec, origin }) => spec.data === undefined && origin.data === undefined)) return [];
  return pushed.flatMap((entry) => {
    const name = entry.id.slice(source.length + 1);
    if (wanted.has(name)) return [];
    const owner = pushes.find(({ spec }) => secretId(spec) === entry.from);
    if (owner !== undefined && owner.origin.data === undefined) return [];
    return [{ name, entry, whenRemoved: owner?.spec.whenRemoved ?? entry.whenRemoved }];
  });
}

function planLeaving(input: PushDecision): readonly (readonly [PushedKey, PushStep])[] {
  const { source, pushed, remote, hold, fingerprint } = input;
  const steps = leaving(input).map(({ name, entry, whenRemoved }): readonly [PushedKey, PushStep] => {
    if (whenRemoved === 'keep' || !mayBeOurs(entry)) return [entry, { name, kind: 'forget', why: 'kept' }];
    const unknown = remote.unknown?.get(name);
    if (unknown !== undefined)
      return [entry, { name, kind: 'problem', message: `${name} of ${source}: ${unknown.message}`, error: unknown }];
    const before = remote.secrets.get(name);
    if (before === undefined) return [entry, { name, kind: 'forget', why: 'gone' }];
    const same = isAsPushed(entry, fingerprint(entry.id, before.value)) && !isOtherVersion(entry, before);
    return [entry, same ? { name, kind: 'remove', before } : { name, kind: 'forget', why: 'changed' }];
  });
  const lost = steps.filter(([, { kind }]) => kind === 'remove').length;
  const total = pushed.filter(mayBeOurs).length;
  if (!exceeds(lost, total, hold)) return steps;
  const message = `${lost} of ${total} secrets that were pushed to ${source} would go`;
  return steps.map(([entry, step]) => [
    entry,
    step.kind === 'remove' && !isApproved(entry.from, input)
      ? { name: step.name, kind: 'hold', message, before: step.before }
      : step,
  ]);
}

/** Written by this agent, or perhaps so, had it been killed in between. */
function mayBeOurs({ written, writing }: PushedKey): boolean {
  return written || writing !== undefined;
}

function isAsPushed(entry: PushedKey, live: string): boolean {
  return live === entry.fingerprint || live === entry.writing;
}

/** Somebody has written the same value again, and may count on it. */
function isOtherVersion({ version, writing }: PushedKey, before: Secret): boolean {
  return writing === undefined && version !== undefined && before.version !== undefined && version !== before.version;
}

function byName(a: PushStep, b: PushStep): number {
  return a.name < b.name ? -1 : 1;
}
