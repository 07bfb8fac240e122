import { ProviderError, refId, SecretValue } from '@hikyaku/core';
import type { ReadRequest, Secret, Snapshot } from '@hikyaku/core';
import { changeClient, changeSecrets, changeSnapshots } from './flaw.test.kit.ts';
import type { Flaw } from './flaw.test.kit.ts';

function names({ all, refs }: ReadRequest): readonly string[] {
  return all ? [] : refs.map(({ name }) => name);
}

function isEverything({ all, refs }: ReadRequest): boolean {
  return all && refs.length === 0;
}

function withText(secret: Secret, text: string): Secret {
  return { ...secret, value: SecretValue.of(text) };
}

function without(snapshot: Snapshot, id: string): Snapshot {
  return { ...snapshot, secrets: new Map([...snapshot.secrets].filter(([other]) => other !== id)) };
}

/** Mistakes in reads of a service that works. */
export const flawsOfReading: readonly Flaw[] = [
  {
    name: 'adds a line break to what is read first',
    fails: [
      'reading: a secret is read by its name',
      'reading: a refused credential is asked for again, without a new connection',
      'faults: a slow answer is waited for',
    ],
    make: (provider) => {
      const seen = new WeakSet<object>();
      return changeClient((client) => ({
        async read(request) {
          const snapshot = await client.read(request);
          const first = !seen.has(client) && names(request).length === 1 && request.previous === undefined;
          seen.add(client);
          const secret = snapshot.secrets.get('GREETING');
          if (!first || secret === undefined) return snapshot;
          return { secrets: new Map([['GREETING', withText(secret, `${secret.value.text()}\n`)]]) };
        },
      }))(provider);
    },
  },
  {
    name: 'says when it read in seconds',
    fails: ['reading: a snapshot is two maps, of values and of errors'],
    make: changeSecrets((secret) => ({ ...secret, readAt: 1_700_000 })),
  },
  {
    name: 'mixes up two values of four',
    fails: ['reading: each name of a read gets its own value'],
    make: changeSnapshots((snapshot, request) => {
      const [, a = '', b = ''] = names(request);
      const [first, second] = [snapshot.secrets.get(a), snapshot.secrets.get(b)];
      if (names(request).length !== 4 || first === undefined || second === undefined) return snapshot;
      return { secrets: new Map([...snapshot.secrets, [a, second], [b, first]]) };
    }),
  },
  {
    name: 'makes up a secret in reads of everything',
    fails: ['reading: everything is exactly what there is'],
    make: changeSnapshots((snapshot, request) =>
      isEverything(request) && request.wants === undefined
        ? { ...snapshot, secrets: new Map([...snapshot.secrets, ['PHANTOM', { value: SecretValue.of('boo') }]]) }
        : snapshot,
    ),
  },
  {
    name: 'forgets everything when names are asked for, too',
    fails: ['reading: everything and some names at once is both'],
    make: changeClient((client) => ({
      read: (request) => client.read(request.refs.length > 0 ? { ...request, all: false } : request),
    })),
  },
  {
    name: 'leaves out what is wanted',
    fails: ['reading: of everything, what is wanted is there'],
    make: changeSecrets((secret, id, { wants }) => (wants?.(id) === true ? undefined : secret)),
  },
  {
    name: 'keeps the old value of one connection for ever',
    fails: ['reading: a change is seen by the next read', 'writing: a secret is changed, and its version with it'],
    make: changeSecrets((secret, id, { refs, previous }) => {
      const before = refs.length === 1 ? previous?.secrets.get(id) : undefined;
      return before !== undefined && fresh.has(before) ? remember(before) : remember(secret);
    }),
  },
  {
    name: 'never removes a name that was read',
    fails: ['reading: a removal is seen by the next read', 'writing: a secret is removed'],
    make: changeSnapshots((snapshot, { all, refs: [ref], previous }) => {
      for (const secret of snapshot.secrets.values()) own.add(secret);
      const before = previous?.secrets.get(ref?.name ?? '');
      if (all || ref === undefined || before === undefined || !own.has(before)) return snapshot;
      return snapshot.secrets.has(ref.name) ? snapshot : { secrets: new Map([[ref.name, before]]) };
    }),
  },
  {
    name: 'never removes a name from everything',
    fails: ['reading: a removal is seen by the next read of everything'],
    make: changeSnapshots((snapshot, { all, previous }) =>
      all && previous !== undefined && previous.secrets.size > snapshot.secrets.size
        ? { ...snapshot, secrets: new Map([...previous.secrets, ...snapshot.secrets]) }
        : snapshot,
    ),
  },
  {
    name: 'asks for its credential once',
    fails: ['reading: a refused credential is asked for again, without a new connection'],
    make: changeClient(
      () => ({}),
      (context) => {
        let kept: Promise<SecretValue> | undefined;
        return { ...context, credential: (path, options) => (kept ??= context.credential(path, options)) };
      },
    ),
  },
  {
    name: 'closes the dispatcher that it was given',
    fails: ['reading: a closed client leaves the connections of others open'],
    make: changeClient((_, { dispatcher }) => ({ [Symbol.asyncDispose]: () => dispatcher.destroy() })),
  },
  {
    name: 'says UNSUPPORTED of a name that is not there',
    fails: ['absence: a name that nobody has is in neither map'],
    make: changeSnapshots((snapshot, request) => {
      const [name = '', ...others] = names(request);
      if (others.length > 0 || name !== 'GREETING_0') return snapshot;
      return { ...snapshot, unknown: new Map([[name, new ProviderError('UNSUPPORTED', 'no such name')]]) };
    }),
  },
  {
    name: 'gives up at the first name that is not there',
    fails: ['absence: a name that nobody has takes nothing away from the others'],
    make: changeSnapshots((snapshot, request) =>
      names(request)[0] === 'GREETING_0' ? { secrets: new Map() } : snapshot,
    ),
  },
  {
    name: 'looks names up in an object',
    fails: ['absence: names such as __proto__ and constructor are names'],
    make: changeSnapshots((snapshot, request) => {
      const found = names(request).filter((name) => name === 'toString' && name in {});
      if (found.length === 0) return snapshot;
      return {
        secrets: new Map([
          ...snapshot.secrets,
          ...found.map((name) => [name, { value: SecretValue.of('f') }] as const),
        ]),
      };
    }),
  },
  {
    name: 'remembers what was not there',
    fails: [
      'absence: what was absent is found once it is there',
      'writing: a new secret is made, and read',
      'watch: it yields after a change, and the next read has it',
    ],
    make: changeSecrets((secret, id, { refs, previous }) =>
      refs.length === 1 && previous?.secrets.size === 0 && previous.revision === undefined && id.startsWith('GREETING_')
        ? undefined
        : secret,
    ),
  },
  {
    name: 'gives the latest version for a pinned one',
    fails: ['pins: a pinned version is that version'],
    make: changeSecrets((secret, id, { refs: [ref, ...others] }) =>
      ref?.version !== undefined && others.length === 0 && refId(ref) === id
        ? withText(secret, 'the second one')
        : secret,
    ),
  },
  {
    name: 'gives the pinned version for the latest one',
    fails: ['pins: the latest version stays the latest beside a pinned one'],
    make: changeSecrets((secret, id, { refs }) =>
      id === 'PINNED' && refs.length === 2 ? withText(secret, 'the first one') : secret,
    ),
  },
  {
    name: 'gives something for a version that is not there',
    fails: ['pins: a version that is not there is never another one, and takes no other secret with it'],
    make: changeSnapshots((snapshot, { refs: [ref] }) =>
      ref?.version === 'hikyaku-no-such-version'
        ? { secrets: new Map([...snapshot.secrets, [refId(ref), { value: SecretValue.of('the latest') }]]) }
        : snapshot,
    ),
  },
  {
    name: 'fails as a whole when one name cannot be read',
    fails: [
      'partial: one secret that cannot be read is unknown, and the others are read',
      'partial: a secret that can be read again is read',
    ],
    make: changeSnapshots((snapshot, { all }) => {
      const [error] = snapshot.unknown?.values() ?? [];
      if (error !== undefined && !all) throw error;
      return snapshot;
    }),
  },
  {
    name: 'leaves out of everything what cannot be read',
    fails: ['partial: one secret that cannot be read is not absent from everything'],
    make: changeSnapshots((snapshot, { all }) => (all ? { secrets: snapshot.secrets } : snapshot)),
  },
  {
    name: 'hands over too little of a read by name',
    fails: ['progress: what a read by name hands over meanwhile leaves no name out, and no value wrong'],
    make: changeSnapshots((snapshot, request) => {
      if (!request.all) request.progress({ secrets: new Map() });
      return snapshot;
    }),
  },
  {
    name: 'hands over too little of a read of everything',
    fails: ['progress: what a read of everything hands over meanwhile leaves no name out, and no value wrong'],
    make: changeSnapshots((snapshot, request) => {
      if (request.all) request.progress(without(snapshot, 'OTHER'));
      return snapshot;
    }),
  },
  {
    name: 'trims texts',
    fails: ['values: text arrives byte for byte', 'writing: text is kept byte for byte'],
    make: changeSecrets((secret, _, { refs }) =>
      refs.length > 15 ? withText(secret, secret.value.text()?.trim() ?? '') : secret,
    ),
  },
  {
    name: 'takes empty for absent',
    fails: ['values: an empty value is a value', 'writing: an empty value is a value'],
    make: changeSecrets((secret) => (secret.value.byteLength === 0 ? undefined : secret)),
  },
  {
    name: 'takes all bytes for UTF-8',
    fails: [
      'values: bytes that are no text arrive byte for byte',
      'writing: bytes that are no text are kept byte for byte',
    ],
    make: changeSecrets((secret) =>
      secret.value.text() === undefined
        ? withText(secret, Buffer.from(secret.value.reveal()).toString('utf8'))
        : secret,
    ),
  },
  {
    name: 'cuts off large values',
    fails: ['values: the largest value arrives'],
    make: changeSecrets((secret) =>
      secret.value.byteLength > 65_536 ? withText(secret, secret.value.text()?.slice(0, 65_536) ?? '') : secret,
    ),
  },
  {
    name: 'loses a name with a slash',
    fails: ['names: unusual names are read', 'writing: unusual names are written and removed'],
    make: changeSecrets((secret, id, { all }) => (id === 'a/b' && !all ? undefined : secret)),
  },
  {
    name: 'loses a name with spaces among everything',
    fails: ['names: unusual names are part of everything'],
    make: changeSecrets((secret, id, { all }) => (id === 'with space' && all ? undefined : secret)),
  },
  {
    name: 'cannot ask for a name of dots',
    fails: ['names: unusual names that nobody has are absent'],
    make: changeSnapshots((snapshot, request) => {
      const [name, ...others] = names(request);
      if (name === '..' && others.length === 1) throw new ProviderError('INVALID_CONFIG', 'no such name');
      return snapshot;
    }),
  },
];

/** Secrets that a flawed connection has given out, as against those that come back after a restart. */
const own = new WeakSet<Secret>();
const fresh = new WeakSet<Secret>();

function remember(secret: Secret): Secret {
  fresh.add(secret);
  return secret;
}
