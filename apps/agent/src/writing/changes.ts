import type { CallOptions, Secret, SecretsClient, WriteResult } from '@hikyaku/core';
import { writeGuarded } from '@hikyaku/engine';
import type { GuardedChange } from '@hikyaku/engine';

/** What a person wants of one secret; without a value it is to go. */
export type Wish = Pick<GuardedChange, 'name' | 'value'>;

/** What a wish comes to. `before` is what the person has seen. */
export interface PlannedChange extends GuardedChange {
  readonly kind: 'create' | 'change' | 'remove' | 'keep';
}

/** Pure: in the order of the wishes. */
export function planChanges(wishes: readonly Wish[], current: ReadonlyMap<string, Secret>): readonly PlannedChange[] {
  return wishes.map((wish): PlannedChange => {
    const before = current.get(wish.name);
    if (before === undefined) return { ...wish, kind: wish.value === undefined ? 'keep' : 'create' };
    if (wish.value === undefined) return { ...wish, kind: 'remove', before };
    return { ...wish, kind: before.value.equals(wish.value) ? 'keep' : 'change', before };
  });
}

/** Writes what is to change, and only over what the person has seen: see `writeGuarded`. */
export async function applyChanges(
  client: SecretsClient,
  planned: readonly PlannedChange[],
  options: CallOptions,
): Promise<readonly WriteResult[]> {
  const changes = planned.filter(({ kind }) => kind !== 'keep');
  return await writeGuarded(client, changes, options);
}
