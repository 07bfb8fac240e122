import type { ReadRequest, Snapshot } from '@hikyaku/core';
import { changeClient, changeSnapshots } from './flaw.test.kit.ts';
import type { Flaw } from './flaw.test.kit.ts';

/** Snapshots that came from a connection of this process. */
const given = new WeakSet<Snapshot>();

function giveBack(change: (snapshot: Snapshot, previous: Snapshot, request: ReadRequest) => Snapshot): Flaw['make'] {
  return changeClient((client) => ({
    async read(request) {
      const snapshot = await client.read(request);
      const { previous, refs } = request;
      const changed = previous === undefined || refs.length > 2 ? snapshot : change(snapshot, previous, request);
      given.add(changed);
      return changed;
    },
  }));
}

function copyOf(snapshot: Snapshot): Snapshot {
  return { ...snapshot };
}

function isPinned({ secrets }: Snapshot): boolean {
  return [...secrets.keys()].some((id) => id.includes('\0'));
}

/** Mistakes with what is known from before. */
export const flawsOfMemory: readonly Flaw[] = [
  {
    name: 'copies what it has read by name',
    fails: ['unchanged: a second read by name returns the previous snapshot itself'],
    make: giveBack((snapshot, previous, { all, refs }) =>
      !all && refs.length === 2 && given.has(previous) && !isPinned(previous) ? copyOf(snapshot) : snapshot,
    ),
  },
  {
    name: 'copies what it has read of everything',
    fails: ['unchanged: a second read of everything returns the previous snapshot itself'],
    make: giveBack((snapshot, previous, { all }) => (all && given.has(previous) ? copyOf(snapshot) : snapshot)),
  },
  {
    name: 'copies what was stored by name',
    fails: ['unchanged: after a restart, a read by name returns the stored snapshot itself'],
    make: giveBack((snapshot, previous, { all }) => (!all && !given.has(previous) ? copyOf(snapshot) : snapshot)),
  },
  {
    name: 'copies what was stored of everything',
    fails: ['unchanged: after a restart, a read of everything returns the stored snapshot itself'],
    make: giveBack((snapshot, previous, { all }) => (all && !given.has(previous) ? copyOf(snapshot) : snapshot)),
  },
  {
    name: 'copies what it has read of versions',
    fails: ['pins: a second read returns the previous snapshot itself'],
    make: giveBack((snapshot, previous) => (isPinned(previous) ? copyOf(snapshot) : snapshot)),
  },
  {
    name: 'takes an empty stored snapshot for the truth',
    fails: ['unchanged: what a stored snapshot lacks is read'],
    make: giveBack((snapshot, previous) =>
      !given.has(previous) &&
      previous.secrets.size === 0 &&
      previous.unknown === undefined &&
      previous.revision === undefined
        ? previous
        : snapshot,
    ),
  },
  {
    name: 'takes a partial snapshot for the truth',
    fails: ['unchanged: what a partial snapshot has as PENDING is read'],
    make: giveBack((snapshot, previous) =>
      [...(previous.unknown?.values() ?? [])].some(({ code }) => code === 'PENDING') ? previous : snapshot,
    ),
  },
  {
    name: 'believes any revision',
    fails: ['unchanged: a revision that means nothing is not believed'],
    make: giveBack((snapshot, previous) =>
      previous.revision?.startsWith('no revision') === true ? previous : snapshot,
    ),
  },
  {
    name: 'does not look at changes while it was down',
    fails: ['unchanged: a change while the agent was down is seen'],
    make: giveBack((snapshot, previous) => {
      const stored = !given.has(previous) && previous.secrets.has('GREETING_1');
      return stored && snapshot.secrets.has('GREETING_1') ? previous : snapshot;
    }),
  },
  {
    name: 'does not look at removals while it was down',
    fails: ['unchanged: a removal while the agent was down is seen'],
    make: giveBack((snapshot, previous) => {
      const stored = !given.has(previous) && previous.secrets.has('GREETING_1');
      return stored && !snapshot.secrets.has('GREETING_1') ? previous : snapshot;
    }),
  },
  {
    name: 'changes the snapshot that it has returned',
    fails: ['unchanged: a snapshot that was returned stays as it is'],
    make: (provider) => {
      const maps = new Map<string, Map<string, Snapshot['secrets'] extends ReadonlyMap<string, infer S> ? S : never>>();
      return changeSnapshots((snapshot, { refs, all }) => {
        if (all || refs.length !== 1 || !snapshot.secrets.has('GREETING_1') || snapshot.unknown !== undefined)
          return snapshot;
        const version = snapshot.secrets.get('GREETING_1')?.version ?? '';
        const mutable = maps.get('GREETING_1') ?? new Map();
        maps.set('GREETING_1', mutable);
        mutable.set('GREETING_1', snapshot.secrets.get('GREETING_1'));
        return version === '' ? snapshot : { secrets: mutable };
      })(provider);
    },
  },
];
