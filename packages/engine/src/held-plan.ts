import { createHash } from 'node:crypto';
import type { InventoryEntry } from './inventory.ts';
import type { Action, HoldReason } from './plan.ts';
import type { PushPlan } from './push-plan.ts';
import type { SecretId } from './secret-spec.ts';

/** What a person approves at once. `config`: of entries that are gone; a source: of keys that it lost; `push`: of what is pushed to a source. */
export type HoldScope = 'config' | `source:${string}` | `push:${string}`;

/** All that one scope holds back just now. */
export interface HeldPlan {
  readonly scope: HoldScope;
  /** The same as long as exactly the same would go; tells nothing about values. */
  readonly digest: string;
  /** Why, one per reason. */
  readonly messages: readonly string[];
  /** In order of their ids. */
  readonly changes: readonly HeldChange[];
}

/** What one Secret, or the source that is pushed to, would lose. */
export interface HeldChange {
  /** A Secret or a push. */
  readonly id: string;
  /** Names of keys; of a push: of secrets at the source. */
  readonly removed: readonly string[];
  /** Of a push: somebody else's values that would be written over. */
  readonly overwritten?: readonly string[];
  /** The whole Secret goes. */
  readonly deleted?: boolean;
}

/** A person's word for exactly one plan. */
export interface Approval {
  readonly scope: HoldScope;
  readonly digest: string;
}

/**
 * `given`: what was held goes now. `changed`: something else is held by now. `over`: nothing is held any more. `failed`: it could not be looked at,
 * and nothing will go.
 */
export type ApprovalOutcome = 'given' | 'changed' | 'over' | 'failed';

/** A change with text that differs when another thing of the same name would go. */
export interface MarkedChange extends HeldChange {
  readonly scope: HoldScope;
  readonly message: string;
  readonly mark: string;
}

/** What the actions of a plan hold back, by Secret. */
export function heldChanges(
  actions: readonly Action[],
  inventory: ReadonlyMap<SecretId, InventoryEntry>,
): ReadonlyMap<SecretId, MarkedChange> {
  const held = new Map<SecretId, MarkedChange>();
  for (const action of actions) {
    if (action.kind !== 'hold') continue;
    const { id, reason, changes } = action;
    const entry = inventory.get(id);
    held.set(id, {
      id,
      removed: changes.removed,
      ...(reason.cause === 'config' && entry?.existing === 'refuse' && { deleted: true }),
      scope: scopeOf(reason),
      message: reason.message,
      // A Secret of ours that was written since is not the one that a person has seen. Into somebody else's, others write.
      mark: [entry?.uid, entry?.existing === 'refuse' && entry.resourceVersion].join(' '),
    });
  }
  return held;
}

/** What is held back of the pushes to one source, by push. `fingerprintOf` tells which value would be lost. */
export function heldPushChanges(
  plans: readonly PushPlan[],
  fingerprintOf: (step: PushPlan['steps'][number]) => string,
): ReadonlyMap<string, MarkedChange> {
  const held = new Map<string, MarkedChange>();
  for (const { id, to, steps } of plans) {
    const stopped = steps.filter(({ kind }) => kind === 'conflict' || kind === 'hold');
    if (stopped.length === 0) continue;
    const namesOf = (wanted: string) => stopped.filter(({ kind }) => kind === wanted).map(({ name }) => name);
    held.set(id, {
      id,
      removed: namesOf('hold'),
      overwritten: namesOf('conflict'),
      scope: `push:${to}`,
      message: [...new Set(stopped.flatMap((step) => ('message' in step ? [step.message] : [])))].join('; '),
      mark: stopped.map(fingerprintOf).join(' '),
    });
  }
  return held;
}

/** One plan per scope, in order. */
export function heldPlans(changes: Iterable<MarkedChange>): readonly HeldPlan[] {
  const scopes = Map.groupBy(changes, ({ scope }) => scope);
  return [...scopes]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([scope, unsorted]) => {
      const sorted = unsorted.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      const digest = createHash('sha256')
        .update([scope, ...sorted.map(changeText)].join('\n'))
        .digest('hex')
        .slice(0, 32);
      return {
        scope,
        digest,
        messages: [...new Set(sorted.map(({ message }) => message))],
        changes: sorted.map(({ id, removed, overwritten, deleted }) => ({
          id,
          removed,
          ...(overwritten && { overwritten }),
          ...(deleted && { deleted }),
        })),
      };
    });
}

/** Equal for changes by which exactly the same would go. */
function changeText({ id, removed, overwritten = [], deleted = false, mark }: MarkedChange): string {
  return JSON.stringify([id, deleted, removed.toSorted(), overwritten.toSorted(), mark]);
}

/** What a person has let go and has not gone yet. */
export class LetGo {
  readonly #texts = new Map<string, string>();
  #waiting: { readonly approval: Approval; readonly tell: (outcome: ApprovalOutcome) => void }[] = [];

  get isAsked(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves once {@link judge} has looked at it. */
  ask(approval: Approval): Promise<ApprovalOutcome> {
    return new Promise((tell) => this.#waiting.push({ approval, tell }));
  }

  /** The ids that may go of what is held now. */
  judge(held: ReadonlyMap<string, MarkedChange>): ReadonlySet<string> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { approval, tell } of waiting) {
      const ofScope = [...held.values()].filter(({ scope }) => scope === approval.scope);
      const [plan] = heldPlans(ofScope);
      if (plan?.digest === approval.digest)
        for (const change of ofScope) this.#texts.set(change.id, changeText(change));
      tell(plan === undefined ? 'over' : plan.digest === approval.digest ? 'given' : 'changed');
    }
    for (const [id, text] of this.#texts) {
      const change = held.get(id);
      if (change === undefined || changeText(change) !== text) this.#texts.delete(id);
    }
    return new Set(this.#texts.keys());
  }

  /** It has gone: the same again takes another word. */
  done(id: string): void {
    this.#texts.delete(id);
  }

  /** Nothing is known of what is held. */
  giveUp(): void {
    for (const { tell } of this.#waiting) tell('failed');
    this.#waiting = [];
  }
}

function scopeOf({ cause, source = '' }: HoldReason): HoldScope {
  return cause === 'config' ? 'config' : `source:${source}`;
}
