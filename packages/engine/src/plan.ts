import { exceeds } from './exceeds.ts';
import type { Threshold } from './exceeds.ts';
import type { InventoryEntry } from './inventory.ts';
import { sourcesOf } from './render.ts';
import type { DesiredSecret, Rendered, RenderProblem } from './render.ts';
import { restartFor } from './owed-restart.ts';
import { secretId } from './secret-spec.ts';
import type { SecretId } from './secret-spec.ts';
import { TargetError } from './target.ts';
import type { Fingerprint, Observation } from './target.ts';

export interface PlanInput {
  readonly rendered: readonly Rendered[];
  /** Of each rendered Secret that has a desired state. */
  readonly fingerprints: ReadonlyMap<SecretId, Fingerprint>;
  readonly inventory: ReadonlyMap<SecretId, InventoryEntry>;
  /** What is there, where somebody looked; the inventory stands in for the rest. */
  readonly observations?: ReadonlyMap<SecretId, Observation>;
  readonly holds: Holds;
  /** Of the inventory, what may be deleted when no entry wants it; everything where it is absent. */
  readonly prunable?: ReadonlySet<SecretId>;
  /** A person has said that what is held may go: all of it, or that of these Secrets. */
  readonly approved?: boolean | ReadonlySet<SecretId>;
}

export interface Holds {
  /** Of all Secrets that this agent made. */
  readonly lostSecrets: Threshold | 'off';
  /** By source, of all keys in use from it. */
  readonly lostKeys: ReadonlyMap<string, Threshold | 'off'>;
}

export type Action =
  | { readonly kind: 'create'; readonly id: SecretId; readonly desired: DesiredSecret; readonly changes: Changes }
  | {
      readonly kind: 'update';
      readonly id: SecretId;
      readonly desired: DesiredSecret;
      readonly changes: Changes;
      readonly drifted: boolean;
      /** It carries our label though nothing remembers that we made it: its owner has handed it over, or the inventory was lost. */
      readonly adopts: boolean;
      /** What is restarted, as the data changes. */
      readonly restart?: true | readonly string[];
    }
  | { readonly kind: 'delete'; readonly id: SecretId; readonly entry: InventoryEntry }
  /** Nothing to do; or, with problems, nothing that could be done: the last good data stays. */
  | {
      readonly kind: 'keep';
      readonly id: SecretId;
      readonly desired?: DesiredSecret;
      readonly problems?: readonly RenderProblem[];
    }
  /** Its entry is gone and it stays, as the entry had said. */
  | { readonly kind: 'forget'; readonly id: SecretId; readonly entry: InventoryEntry }
  | { readonly kind: 'refuse'; readonly id: SecretId; readonly desired?: DesiredSecret; readonly error: TargetError }
  | { readonly kind: 'hold'; readonly id: SecretId; readonly reason: HoldReason; readonly changes: Changes };

/** Names of keys, in order. `shape`: type, labels, annotations or immutability change. */
export interface Changes {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly shape: boolean;
}

export interface HoldReason {
  /** `config`: the entries of too many Secrets are gone. `source`: too many keys of one source are gone. `empty`: nothing would be left. */
  readonly cause: 'config' | 'source' | 'empty';
  /** Absent where the config is the cause. */
  readonly source?: string;
  readonly lost: number;
  readonly total: number;
  readonly message: string;
}

/** Pure: the difference between what is wanted and what is there, as actions in order of namespace and name. */
export function plan(input: PlanInput): readonly Action[] {
  const actions: Action[] = [];
  const heldSources = input.approved === true ? new Map<string, HoldReason>() : sourcesOnHold(input);
  for (const rendered of input.rendered) actions.push(planSecret(rendered, heldSources, input));
  actions.push(...planRemovals(input));
  return actions.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function planSecret(rendered: Rendered, heldSources: ReadonlyMap<string, HoldReason>, input: PlanInput): Action {
  const id = secretId(rendered.spec);
  const { desired } = rendered;
  if (desired === undefined) return { kind: 'keep', id, problems: rendered.problems };

  const entry = input.inventory.get(id);
  if (entry !== undefined && entry.existing !== desired.existing)
    return { kind: 'refuse', id, desired, error: switched(entry) };
  const observation = input.observations?.get(id);
  if (observation?.state === 'refused') return { kind: 'refuse', id, desired, error: observation.error };

  const wanted = input.fingerprints.get(id);
  if (wanted === undefined) throw new TypeError(`no fingerprint of ${id}`);
  const before = observation?.state === 'absent' ? undefined : baseline(observation, entry);
  const changes = before === UNKNOWN ? NO_CHANGES : compare(before, wanted);

  if (!isApproved(id, input)) {
    for (const [key, { source }] of entry?.keys ?? []) {
      const reason = heldSources.get(source);
      if (reason !== undefined && !desired.data.has(key)) return { kind: 'hold', id, reason, changes };
    }
    if (desired.data.size === 0 && entry?.keys.size !== 0) {
      return {
        kind: 'hold',
        id,
        changes,
        reason: {
          cause: 'empty',
          ...emptySource(rendered, entry),
          lost: changes.removed.length,
          total: changes.removed.length,
          message: emptyText(desired),
        },
      };
    }
  }
  if (before === undefined) return { kind: 'create', id, desired, changes };
  const drifted = observation?.state === 'ours' && (observation.drifted || before === UNKNOWN);
  const equal =
    !changes.shape && !drifted && changes.added.length + changes.changed.length + changes.removed.length === 0;
  if (equal) return { kind: 'keep', id, desired };
  const adopts = entry === undefined && desired.existing === 'refuse';
  const restart = restartFor(entry, wanted) && rendered.spec.restart;
  return { kind: 'update', id, desired, changes, drifted, adopts, ...(restart && { restart }) };
}

/** What was made as a whole and what was merged into are taken back in different ways, so that one never becomes the other. */
function switched({ id, existing }: InventoryEntry): TargetError {
  const was =
    existing === 'merge'
      ? `Secret ${id} is somebody else's, with keys that were merged into it, and the config wants the whole Secret`
      : `Secret ${id} was made by this agent as a whole, and the config wants to merge into it`;
  const remedy = 'take its entry out of the config first, and put it back once that was synced';
  const stays = existing === 'merge' ? 'the keys stay' : 'the Secret stays';
  return new TargetError('UNCHANGEABLE', `${was}: ${remedy}; with \`whenRemoved: keep\`, under the old word, ${stays}`);
}

const NO_CHANGES: Changes = { added: [], changed: [], removed: [], shape: false };

function isApproved(id: SecretId, { approved = false }: PlanInput): boolean {
  return typeof approved === 'boolean' ? approved : approved.has(id);
}

/** Whose doing it is that nothing is left: of several sources, the first. */
function emptySource({ spec }: Rendered, entry: InventoryEntry | undefined): Pick<HoldReason, 'source'> {
  const sources = [...(entry?.keys.values() ?? [])].map(({ source }) => source);
  const [source] = (sources.length > 0 ? sources : [...sourcesOf(spec)]).toSorted();
  return source === undefined ? {} : { source };
}

function emptyText({ existing }: DesiredSecret): string {
  return existing === 'merge'
    ? 'nothing is selected: all keys that were merged into it would go'
    : 'nothing is selected: it would be an empty Secret';
}

function baseline(
  observation: Observation | undefined,
  entry: InventoryEntry | undefined,
): PartialFingerprint | undefined {
  if (observation?.state === 'ours' && observation.actual !== undefined) return observation.actual;
  if (entry === undefined || (entry.uid === undefined && observation === undefined)) {
    return observation?.state === 'ours' ? UNKNOWN : undefined;
  }
  const keys = new Map([...entry.keys].map(([key, { fingerprint }]) => [key, fingerprint]));
  return { keys, ...(entry.shape !== undefined && { shape: entry.shape }) };
}

/** Ours, and nothing remembers what it holds. */
const UNKNOWN: PartialFingerprint = { keys: new Map() };

interface PartialFingerprint {
  readonly shape?: string;
  readonly keys: ReadonlyMap<string, string | undefined>;
}

function compare(before: PartialFingerprint | undefined, wanted: Fingerprint): Changes {
  const had = before?.keys ?? new Map<string, string>();
  const added = [...wanted.keys.keys()].filter((key) => !had.has(key));
  const changed = [...wanted.keys].filter(([key, text]) => had.has(key) && had.get(key) !== text).map(([key]) => key);
  const removed = [...had.keys()].filter((key) => !wanted.keys.has(key));
  return { added, changed, removed: removed.toSorted(), shape: before !== undefined && before.shape !== wanted.shape };
}

function sourcesOnHold({ rendered, inventory, holds }: PlanInput): ReadonlyMap<string, HoldReason> {
  const total = new Map<string, number>();
  const lost = new Map<string, number>();
  for (const { spec, desired } of rendered) {
    // What is kept for another reason must not make a loss look small.
    if (desired === undefined) continue;
    for (const [key, { source }] of inventory.get(secretId(spec))?.keys ?? []) {
      total.set(source, (total.get(source) ?? 0) + 1);
      if (!desired.data.has(key)) lost.set(source, (lost.get(source) ?? 0) + 1);
    }
  }
  const held = new Map<string, HoldReason>();
  for (const [source, gone] of lost) {
    const all = total.get(source) ?? 0;
    if (!exceeds(gone, all, holds.lostKeys.get(source) ?? DEFAULT_THRESHOLD)) continue;
    held.set(source, {
      cause: 'source',
      source,
      lost: gone,
      total: all,
      message: `${gone} of ${all} keys from ${source} would go`,
    });
  }
  return held;
}

function planRemovals(input: PlanInput): Action[] {
  const { rendered, inventory, observations, holds, prunable, approved } = input;
  const wanted = new Set(rendered.map(({ spec }) => secretId(spec)));
  const gone = [...inventory.values()].filter(({ id }) => !wanted.has(id) && (prunable?.has(id) ?? true));
  const deletions = gone.filter(({ whenRemoved }) => whenRemoved === 'delete');
  const held = approved !== true && exceeds(deletions.length, inventory.size, holds.lostSecrets);
  const message = `${deletions.length} of ${inventory.size} Secrets would go, as their entries are gone from the config`;
  return gone.map((entry): Action => {
    const { id } = entry;
    const observation = observations?.get(id);
    if (entry.whenRemoved === 'keep' || observation?.state === 'absent') return { kind: 'forget', id, entry };
    if (observation?.state === 'refused') return { kind: 'refuse', id, error: observation.error };
    if (!held || isApproved(id, input)) return { kind: 'delete', id, entry };
    const changes = { added: [], changed: [], removed: [...entry.keys.keys()], shape: false };
    return {
      kind: 'hold',
      id,
      changes,
      reason: { cause: 'config', lost: deletions.length, total: inventory.size, message },
    };
  });
}

const DEFAULT_THRESHOLD: Threshold = { percent: 50 };
