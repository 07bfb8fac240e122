import type { WriteResult } from '@hikyaku/core';
import { pushedId } from './push-inventory.ts';
import type { PushedKey, PushInventory } from './push-inventory.ts';
import type { PushPlan, PushStep } from './push-plan.ts';
import type { PushSpec } from './push-spec.ts';
import { secretId } from './secret-spec.ts';

/** What a round has decided, and what was known before it. */
export interface Decided {
  readonly plans: readonly PushPlan[];
  /** By id. */
  readonly pushed: ReadonlyMap<string, PushedKey>;
  /** Pushed to what the source was before. */
  readonly elsewhere: readonly PushedKey[];
}

/** The service may have made the change all the same. */
const UNCERTAIN: ReadonlySet<string> = new Set(['UNAVAILABLE', 'INVALID_RESPONSE', 'RATE_LIMITED', 'PENDING']);

/** Enters what pushes do into the inventory. */
export class PushLedger {
  readonly #inventory: PushInventory;
  readonly #identity: string;
  readonly #specs: ReadonlyMap<string, PushSpec>;

  constructor(inventory: PushInventory, identity: string, specs: readonly PushSpec[]) {
    this.#inventory = inventory;
    this.#identity = identity;
    this.#specs = new Map(specs.map((spec) => [secretId(spec), spec]));
  }

  /** What is about to be written is entered first, so that an agent that is killed knows it as its own. */
  announce({ plans, pushed, elsewhere }: Decided): void {
    for (const { id } of elsewhere) this.#inventory.remove(id);
    // Also of a Secret that cannot be read now: whoever takes a broken push out says `keep` first.
    for (const entry of pushed.values()) {
      const spec = this.#specs.get(entry.from);
      if (spec !== undefined) this.#inventory.set({ ...entry, whenRemoved: spec.whenRemoved });
    }
    for (const plan of plans) {
      for (const step of plan.steps) {
        const id = pushedId(plan.to, step.name);
        if (step.kind === 'forget') this.#inventory.remove(id);
        else if (step.kind === 'equal') this.#enterEqual(this.#entry(plan, id, pushed), step);
        else if (step.kind === 'create' || step.kind === 'update')
          this.#inventory.set({
            ...this.#entry(plan, id, pushed),
            writing: this.#inventory.fingerprint(id, step.value),
          });
      }
    }
  }

  /** What came of it; a refusal for certain takes back what was announced. */
  remember({ plans, pushed }: Decided, results: ReadonlyMap<string, WriteResult>): void {
    for (const plan of plans) {
      for (const step of plan.steps) {
        const result = results.get(step.name);
        if (result === undefined) continue;
        const id = pushedId(plan.to, step.name);
        if (step.kind === 'remove' && result.error === undefined) this.#inventory.remove(id);
        if (step.kind !== 'create' && step.kind !== 'update') continue;
        const entry = this.#entry(plan, id, pushed);
        if (result.error === undefined) {
          const { writing: _, version: __, ...rest } = entry;
          const { version } = result;
          const fingerprint = this.#inventory.fingerprint(id, step.value);
          this.#inventory.set({ ...rest, fingerprint, written: true, ...(version !== undefined && { version }) });
        } else if (!UNCERTAIN.has(result.error.code)) {
          if (pushed.has(id)) this.#inventory.set(entry);
          else this.#inventory.remove(id);
        }
      }
    }
  }

  #enterEqual(known: PushedKey, { before }: PushStep & { readonly kind: 'equal' }): void {
    const { writing, version: _, ...entry } = known;
    const { version } = before;
    const fingerprint = this.#inventory.fingerprint(entry.id, before.value);
    const written = entry.written || writing === fingerprint;
    this.#inventory.set({ ...entry, fingerprint, written, ...(version !== undefined && { version }) });
  }

  #entry({ from }: PushPlan, id: string, pushed: ReadonlyMap<string, PushedKey>): PushedKey {
    const before = pushed.get(id);
    const whenRemoved = this.#specs.get(from)?.whenRemoved ?? before?.whenRemoved ?? 'keep';
    return { written: false, ...before, id, identity: this.#identity, from, whenRemoved };
  }
}
