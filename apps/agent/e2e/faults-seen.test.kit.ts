import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  applyYaml,
  createNamespace,
  createSecret,
  eventually,
  hikyaku,
  installRights,
  mintToken,
  patchSecret,
  succeeded,
} from '@hikyaku/testbed';
import type { World } from './faults-seen-world.test.kit.ts';
import { sealToken } from './identity.test.kit.ts';
import type { Look, Surface, Thing } from './seen.test.kit.ts';

/** The namespace of the Secrets. */
export const NAMESPACE = 'faults';
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };
const PROJECT = 'faults';
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';

export interface Fault {
  /** A DNS label: of its source, its Secret or its workload. */
  readonly name: string;
  readonly thing: Thing;
  readonly state: string;
  /** Parts of what is said: what is wrong, and what to do. They stand in docs/troubleshooting.md, too. */
  readonly words: readonly string[];
  /** What it is named by; else by its name. */
  readonly named?: string;
  /** Under `providers`. */
  readonly source?: (world: World) => object | Promise<object>;
  /** Its entry under `secrets`. */
  readonly entry?: object;
  readonly push?: object;
  /** What the owner of the config makes of them in the end. */
  readonly corrected?: { readonly source?: (world: World) => Promise<object>; readonly entry?: object };
  /** Before the agent starts. */
  readonly before?: (world: World) => Promise<void>;
  /** While all is well. */
  readonly begin?: (world: World) => Promise<void>;
  /** Besides what the config says in the end. */
  readonly end?: (world: World) => Promise<void>;
}

const name = (fault: string) => `${NAMESPACE}/${fault}`;

/** A config of the service with the value A, and what is said otherwise. */
function doppler(fault: string, values: Readonly<Record<string, string>> = {}, more: object = {}) {
  return (world: World): object => {
    world.doppler.addConfig(PROJECT, fault, { A: world.value(`A of ${fault}`), ...values });
    return {
      type: 'doppler',
      url: world.doppler.url,
      project: PROJECT,
      config: fault,
      token: { file: world.path('token') },
      refresh: '1s',
      ...more,
    };
  };
}

function ofSource(fault: string, more: Omit<Fault, 'name' | 'thing' | 'state'>): Fault {
  const source = doppler(fault);
  return { name: fault, thing: { kind: 'source', name: fault }, state: 'failing', entry: {}, source, ...more };
}

function ofSecret(
  fault: string,
  state: string,
  more: Omit<Fault, 'name' | 'thing' | 'state'> & Partial<Pick<Fault, 'thing'>>,
): Fault {
  return {
    name: fault,
    thing: { kind: 'secret', name: name(fault) },
    state,
    source: doppler(fault),
    entry: {},
    ...more,
  };
}

/** The service says this, to whoever asks for the config of the fault, until it ends. */
function answering(fault: string, kind: Parameters<World['doppler']['fail']>[0]['kind']) {
  return {
    begin: async ({ doppler: service }: World) => service.fail({ kind, config: fault, times: 1_000_000 }),
    end: async ({ doppler: service }: World) => service.clearFaults(fault),
  };
}

const OF_SOURCES: readonly Fault[] = [
  ofSource('token-revoked', {
    words: ['it was revoked, has expired or is mistyped', 'Make a new one'],
    async source(world) {
      const token = world.token('a revoked token', world.doppler.serviceAccountToken());
      world.values.set('the token to revoke', token);
      await world.writeFile('token-to-revoke', token);
      return doppler('token-revoked', {}, { token: { file: world.path('token-to-revoke') } })(world);
    },
    begin: async (world) => world.doppler.revoke(world.values.get('the token to revoke') ?? ''),
    end: async (world) =>
      await world.writeFile('token-to-revoke', world.token('a new token', world.doppler.serviceAccountToken())),
  }),
  ofSource('provider-down', {
    words: ['refused the connection', 'Check that it runs and that the port is right'],
    named: '127.0.0.1:',
    async source(world) {
      const token = world.token('a token of another service', world.other.serviceAccountToken());
      world.other.addConfig(PROJECT, 'provider-down', { A: world.value('A of another service') });
      await world.writeFile('token-elsewhere', token);
      world.grants.origins.push(world.other.url);
      return {
        ...doppler('provider-down', {}, { token: { file: world.path('token-elsewhere') } })(world),
        url: world.other.url,
      };
    },
    begin: async ({ other }) => await other.close(),
    async end(world) {
      world.other = await startFakeDoppler({ port: Number(new URL(world.other.url).port) });
      world.other.addConfig(PROJECT, 'provider-down', { A: world.value('A of another service') });
      await world.writeFile('token-elsewhere', world.token('another token', world.other.serviceAccountToken()));
    },
  }),
  ofSource('rate-limited', {
    words: ['limits the requests for', 'Use a longer `refresh`'],
    ...answering('rate-limited', '429'),
  }),
  ofSource('service-broken', {
    words: ['failed to answer for', 'It is tried again'],
    ...answering('service-broken', '500'),
  }),
  ofSource('wrong-answer', {
    words: ['this is not a download of Doppler', 'Check that `url` is the Doppler API'],
    named: 'Doppler',
    ...answering('wrong-answer', 'not-json'),
  }),
  ofSource('config-gone', {
    words: ['does not find', 'Check the spelling of `project` and `config`'],
    begin: async (world) => world.doppler.removeConfig(PROJECT, 'config-gone'),
    end: async (world) => world.doppler.addConfig(PROJECT, 'config-gone', { A: world.value('A once more') }),
  }),
  ofSource('no-variable', {
    words: ['wants the environment variable', 'which is not set: set it where the agent runs'],
    source: doppler('no-variable', {}, { token: { env: 'NO_SUCH_TOKEN' } }),
    corrected: { source: async (world) => doppler('no-variable')(world) },
  }),
  ofSource('no-file', {
    words: ['cannot be read from', 'put it there, or correct `file`'],
    source: (world) => doppler('no-file', {}, { token: { file: world.path('no-such-token') } })(world),
    end: async (world) =>
      await world.writeFile('no-such-token', world.token('a token in a file', world.doppler.serviceAccountToken())),
  }),
  ofSource('no-secret', {
    words: ['wants Secret hikyaku/', 'which does not exist: make it, or correct `secretRef`'],
    source: doppler('no-secret', {}, { token: { secretRef: { name: 'no-such-token', key: 'token' } } }),
    end: async (world) => {
      const token = world.token('a token in a Secret', world.doppler.serviceAccountToken());
      await createSecret(world.admin, 'hikyaku/no-such-token', { token });
    },
  }),
  ofSource('origin-not-granted', {
    words: ['is refused: it is not bound to a destination', 'or grant it: origins in grants.yaml'],
    source: (world) => {
      const url = world.doppler.url.replace('127.0.0.1', 'localhost');
      return { ...doppler('origin-not-granted')(world), url };
    },
    end: async (world) => {
      world.grants.origins.push(world.doppler.url.replace('127.0.0.1', 'localhost'));
    },
  }),
  ofSource('sealed-for-another', {
    words: ['cannot be opened: it is sealed for', 'run hikyaku rewrap'],
    source: async (world) => {
      const token = world.token('a sealed token', world.doppler.serviceAccountToken());
      const sealed = await sealToken(world.doppler, token, { other: world.stranger });
      return doppler('sealed-for-another', {}, { token: { sealed } })(world);
    },
    corrected: {
      async source(world) {
        const token = world.token('another sealed token', world.doppler.serviceAccountToken());
        const sealed = await sealToken(world.doppler, token, { home: world.recipient });
        return doppler('sealed-for-another', {}, { token: { sealed } })(world);
      },
    },
  }),
  ofSource('stuck', {
    words: ['the read is stuck: nothing was heard of it for 5 minutes, and it was given up'],
    named: 'the read',
    async source(world) {
      await writeFile(world.path('silent.mjs'), SILENT(world.path('silent'), world.value('a value of a plug-in')));
      return { type: './silent.mjs', refresh: '1s' };
    },
    begin: async (world) => {
      await world.writeFile('silent', '');
      await world.agent.logged({ source: 'stuck', msg: 'source read' });
      for (let minutes = 0; minutes <= 5; minutes += 4) {
        await sleep(3_000);
        world.timePasses();
      }
    },
    end: async (world) => await world.writeFile('silent', 'no more'),
  }),
];

/** A plug-in that says nothing while a file is there and empty. */
const SILENT = (path: string, value: string) => `import { readFileSync } from 'node:fs';
import { SecretValue } from '@hikyaku/core';
const silent = () => { try { return readFileSync(${JSON.stringify(path)}, 'utf8') === ''; } catch { return false; } };
export default {
  type: 'silent',
  config: { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } },
  describe: () => ({ identity: 'silent', origins: [] }),
  connect: () => ({
    read: async () => {
      if (silent()) await new Promise(() => {});
      return { secrets: new Map([['A', { value: SecretValue.of(${JSON.stringify(value)}) }]]) };
    },
  }),
};
`;

const OF_SECRETS: readonly Fault[] = [
  ofSecret('namespace-missing', 'waiting', {
    words: ['does not exist; waiting for it'],
    thing: { kind: 'secret', name: 'not-there/namespace-missing' },
    entry: { namespace: 'not-there' },
    end: async ({ admin }) => await createNamespace(admin, 'not-there'),
  }),
  ofSecret('namespace-terminating', 'waiting', {
    words: ['is being deleted; waiting for it to come back'],
    thing: { kind: 'secret', name: 'going/namespace-terminating' },
    entry: { namespace: 'going' },
    async before({ admin }) {
      await createNamespace(admin, 'going');
      succeeded(await admin('DELETE', '/api/v1/namespaces/going'));
    },
    async end({ admin }) {
      const gone = { metadata: { name: 'going' }, spec: { finalizers: [] } };
      succeeded(await admin('PUT', '/api/v1/namespaces/going/finalize', gone));
      await createNamespace(admin, 'going');
    },
  }),
  ofSecret('foreign', 'refused', {
    words: ['exists and is not ours', 'its owner can hand it over, keys and all: kubectl label secret'],
    before: async (world) => void (await createSecret(world.admin, name('foreign'), { B: world.value('not ours') })),
    end: async ({ admin }) => {
      await patchSecret(admin, name('foreign'), { metadata: { labels: { 'hikyaku.dev/agent': 'hikyaku' } } });
    },
  }),
  ofSecret('merge-without-consent', 'refused', {
    words: ['this account may not get it, and merging needs that', 'its owner agrees with'],
    entry: { existing: 'merge' },
    before: async (world) =>
      void (await createSecret(world.admin, name('merge-without-consent'), { B: world.value('of another') })),
    async end({ admin }) {
      const id = name('merge-without-consent');
      await patchSecret(admin, id, { metadata: { labels: { 'hikyaku.dev/merge': 'hikyaku' } } });
      const { stdout } = await hikyaku(['rights', 'role', id, '--merge']);
      await applyYaml(admin, stdout);
    },
  }),
  ofSecret('type-not-granted', 'refused', {
    words: ['is not granted: type: this Secret type is not granted; see types'],
    entry: { type: 'example.com/token' },
    end: async (world) => {
      world.grants.types += ', example.com/token';
    },
  }),
  ofSecret('namespace-reserved', 'refused', {
    words: ['is not granted: namespace: this namespace is reserved; see reservedNamespaces'],
    thing: { kind: 'secret', name: 'reserved/namespace-reserved' },
    entry: { namespace: 'reserved' },
    before: async ({ admin }) => await createNamespace(admin, 'reserved'),
    end: async (world) => {
      world.grants.reservedNamespaces = 'kube-system';
    },
  }),
  ofSecret('name-not-granted', 'refused', {
    words: ['is not granted: name: this Secret is not granted; see names'],
    end: async (world) => {
      delete world.grants.names;
    },
  }),
  ofSecret('label-not-granted', 'refused', {
    words: ['is not granted: labels: a label of this Secret is not granted; see metadataPrefixes'],
    entry: { labels: { 'example.com/team': 'web' } },
    end: async (world) => {
      world.grants.metadataPrefixes = 'example.com/';
    },
  }),
  ofSecret('key-missing', 'kept', {
    words: ['has no', 'add it there, or set `optional: true`'],
    entry: { data: { b: 'B' } },
    end: async (world) => world.doppler.set(PROJECT, 'key-missing', 'B', world.value('B')),
  }),
  ofSecret('no-property', 'kept', {
    words: ['has no property', 'add it there, or set `optional: true`'],
    entry: { data: { b: { key: 'JSON', property: 'a.b' } } },
    source: (world) => doppler('no-property', { JSON: JSON.stringify({ a: world.value('in JSON') }) })(world),
    end: async (world) =>
      world.doppler.set(PROJECT, 'no-property', 'JSON', JSON.stringify({ a: { b: world.value('in JSON') } })),
  }),
  ofSecret('no-json', 'kept', {
    words: ['is not JSON', 'correct it there, or the entry here'],
    entry: { data: { b: { key: 'A', property: 'a' } } },
    end: async (world) =>
      world.doppler.set(PROJECT, 'no-json', 'A', JSON.stringify({ a: world.value('in JSON at last') })),
  }),
  ofSecret('no-base64', 'kept', {
    words: ['is not base64', 'correct it there, or the entry here'],
    entry: { data: { b: { key: 'B', decode: 'base64' } } },
    source: (world) => doppler('no-base64', { B: `${world.value('not base64')}!` })(world),
    end: async (world) =>
      world.doppler.set(PROJECT, 'no-base64', 'B', Buffer.from(world.value('decoded')).toString('base64')),
  }),
  ofSecret('two-values', 'kept', {
    words: ['two values for the key', 'exclude one with "!"'],
    entry: { dataFrom: [{ keys: ['A', 'C'] }, { from: 'key-missing', keys: ['A'] }] },
    end: async (world) => world.doppler.remove(PROJECT, 'two-values', 'A'),
    source: (world) => doppler('two-values', { C: world.value('C') })(world),
  }),
  ofSecret('unchangeable', 'refused', {
    words: ['cannot change in place; set `recreate: true` to delete and create it again'],
    entry: { immutable: true },
    begin: async (world) => world.doppler.set(PROJECT, 'unchangeable', 'A', world.value('A of unchangeable, changed')),
    end: async (world) => world.doppler.set(PROJECT, 'unchangeable', 'A', world.values.get('A of unchangeable') ?? ''),
  }),
  ofSecret('quota', 'refused', {
    words: ['the quota', 'is used up'],
    thing: { kind: 'secret', name: 'full/quota' },
    entry: { namespace: 'full' },
    async before({ admin }) {
      await createNamespace(admin, 'full');
      const hard = { secrets: '0' };
      const quotas = '/api/v1/namespaces/full/resourcequotas';
      const made = { metadata: { name: 'secrets' }, spec: { hard } };
      succeeded(await admin('POST', quotas, made));
      const status = { status: { hard, used: { secrets: '0' } } };
      succeeded(await admin('PATCH', `${quotas}/secrets/status`, status, MERGE_PATCH));
    },
    end: async ({ admin }) => void succeeded(await admin('DELETE', '/api/v1/namespaces/full/resourcequotas/secrets')),
  }),
  ofSecret('malformed', 'refused', {
    words: ['the API server refuses it'],
    entry: { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'A' } },
    corrected: { entry: { data: { '.dockerconfigjson': 'A' } } },
  }),
  ofSecret('too-large', 'kept', {
    words: ['a Secret holds at most 1048576: split it into several'],
    named: 'bytes of data',
    entry: { dataFrom: [{ keys: ['A', 'LONG'] }] },
    source: (world) => doppler('too-large', { LONG: 'x'.repeat(1_100_000) }, { snapshot: false })(world),
    end: async (world) => world.doppler.remove(PROJECT, 'too-large', 'LONG'),
  }),
  ofSecret('lost-keys', 'held', {
    words: ['keys from', 'would go'],
    entry: { dataFrom: [{ keys: ['A', 'B', 'C'] }] },
    source: (world) => doppler('lost-keys', { B: world.value('B'), C: world.value('C') })(world),
    begin: async (world) => {
      for (const key of ['A', 'B']) world.doppler.remove(PROJECT, 'lost-keys', key);
    },
    end: async ({ people }) => await approve(people, 'lost-keys'),
  }),
  ofSecret('contested', 'contested', {
    words: ['somebody else keeps changing Secret', 'take it out of there, or out of the config'],
    begin: async (world) => {
      // Time passes there, which would end this one.
      await world.agent.logged({ source: 'stuck', msg: 'source failed' });
      // Each time it is put right again, and somebody changes it again.
      for (let round = 0; round < 4; round++) {
        await patchSecret(world.admin, name('contested'), { stringData: { A: world.value('of a rival') } });
        await world.people.as('asker', 'refresh', name('contested'));
      }
    },
  }),
];

const OF_OTHERS: readonly Fault[] = [
  {
    name: 'push-not-granted',
    thing: { kind: 'push', name: `${name('pushed')} → push-not-granted` },
    state: 'refused',
    words: ['is not granted; in the ConfigMap hikyaku/hikyaku-grants: pushes:'],
    source: doppler('push-not-granted'),
    push: { from: { namespace: NAMESPACE, secret: 'pushed' }, to: 'push-not-granted', data: { PUSHED: 'a' } },
    end: async (world) => {
      world.grants.pushes.push({ from: name('pushed'), to: 'push-not-granted' });
    },
  },
  {
    name: 'push-conflict',
    thing: { kind: 'push', name: `${name('pushed')} → push-conflict` },
    state: 'held',
    words: ['which was not pushed from here: left alone'],
    source: (world) => {
      world.grants.pushes.push({ from: name('pushed'), to: 'push-conflict' });
      return doppler('push-conflict')(world);
    },
    push: { from: { namespace: NAMESPACE, secret: 'pushed' }, to: 'push-conflict', data: { A: 'a' } },
    before: async (world) => {
      await createSecret(world.admin, name('pushed'), { a: world.value('to be pushed') });
      const { stdout } = await hikyaku(['rights', 'role', name('pushed'), '--watch']);
      await applyYaml(world.admin, stdout);
    },
    end: async ({ people }) => await approve(people, 'push:push-conflict'),
  },
  {
    name: 'push-of-nothing',
    thing: { kind: 'push', name: `${name('unmade')} → push-of-nothing` },
    state: 'waiting',
    words: ['does not exist: nothing is changed'],
    named: name('unmade'),
    source: (world) => {
      world.grants.pushes.push({ from: name('unmade'), to: 'push-of-nothing' });
      return doppler('push-of-nothing')(world);
    },
    push: { from: { namespace: NAMESPACE, secret: 'unmade' }, to: 'push-of-nothing', data: { PUSHED: 'a' } },
    before: async (world) => {
      const { stdout } = await hikyaku(['rights', 'role', name('unmade'), '--watch']);
      await applyYaml(world.admin, stdout);
    },
    end: async (world) => void (await createSecret(world.admin, name('unmade'), { a: world.value('made at last') })),
  },
  {
    name: 'restart-not-granted',
    thing: { kind: 'restart', name: `${NAMESPACE}/Deployment/restart-not-granted` },
    state: 'refused',
    words: ['may not be restarted; so that it may, the ConfigMap hikyaku/hikyaku-grants has to say: restarts:'],
    source: doppler('restart-not-granted'),
    entry: { restart: ['Deployment/restart-not-granted'] },
    before: async ({ admin }) => {
      const labels = { app: 'restart-not-granted' };
      const containers = [
        { name: 'app', image: 'example.com/app:1', envFrom: [{ secretRef: { name: 'restart-not-granted' } }] },
      ];
      const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } };
      const deployment = { metadata: { name: 'restart-not-granted' }, spec };
      succeeded(await admin('POST', `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`, deployment));
    },
    begin: async (world) =>
      world.doppler.set(PROJECT, 'restart-not-granted', 'A', world.value('A that asks for a restart')),
    end: async (world) => {
      world.grants.restarts = `${NAMESPACE}/Deployment/restart-not-granted`;
    },
  },
  {
    name: 'config-mistake',
    thing: { kind: 'config', name: 'hikyaku.yaml' },
    state: 'refused',
    words: ['unknown key', 'did you mean'],
    named: 'hikyaku.yaml:',
    begin: async (world) =>
      await world.writeFile('hikyaku.yaml', 'providers:\n  lab: { type: doppler, refersh: 1s }\nsecrets: []\n'),
  },
];

/** Needs a Secret whose owner the agent does not know: it comes while the policy is away. */
const POLICY: Fault = ofSecret('policy-missing', 'refused', {
  words: ['the policy hikyaku-own does not limit this account any more', 'apply deploy/rights-own.yaml'],
  named: 'hikyaku-own',
  thing: { kind: 'secret', name: 'later/policy-missing' },
  entry: { namespace: 'later' },
  async begin({ admin, people: { cluster } }) {
    succeeded(await admin('DELETE', `${ADMISSION}/validatingadmissionpolicybindings/hikyaku-own`));
    const agent = cluster.api(await mintToken(admin, 'hikyaku', 'hikyaku'));
    const labels = { 'hikyaku.dev/agent': 'hikyaku' };
    const probe = { metadata: { name: 'probe', labels }, type: 'hikyaku.dev/probe' };
    const secrets = '/api/v1/namespaces/default/secrets?dryRun=All';
    await eventually(async () => (await agent('POST', secrets, probe)).status === 201);
    await createNamespace(admin, 'later');
    await createSecret(admin, 'later/policy-missing', { A: 'theirs' }, { labels });
  },
  end: async ({ people }) => void (await installRights(people.cluster)),
});

const PLUG_IN: Fault = {
  name: 'plug-in-not-granted',
  thing: { kind: 'config', name: 'hikyaku.yaml' },
  state: 'refused',
  words: ['is not loaded: in a pod only plug-ins run that are granted', 'grant it in grants.yaml'],
  named: './stranger.mjs',
  async begin(world) {
    await world.writeFile('stranger.mjs', 'export default {};');
    await world.writeFile('hikyaku.yaml', 'providers:\n  lab: { type: ./stranger.mjs }\nsecrets: []\n');
  },
};

const RIGHTS: Fault = ofSecret('rights-gone', 'refused', {
  words: ['this account may not write it', "the agent's rights are deploy/rights-own.yaml"],
  async begin(world) {
    const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
    succeeded(await world.admin('DELETE', `${bindings}/hikyaku-own`));
    await sleep(1_000);
    world.doppler.set(PROJECT, 'rights-gone', 'A', world.value('A without rights'));
  },
  end: async ({ people }) => void (await installRights(people.cluster)),
});

const LOST: Fault = ofSecret('entry-gone', 'held', {
  words: ['Secrets would go, as their entries are gone from the config'],
  named: 'the config',
  begin: async (world) => {
    const { secrets, ...rest } = await configOf(ALL, world, { corrected: true });
    await world.configure({ ...rest, hold: { lostSecrets: '1%' }, secrets: secrets.slice(0, -1) });
  },
});

/** Those of one wave go wrong at once: none of them is in the way of another. */
export const WAVES: readonly { readonly title: string; readonly faults: readonly Fault[] }[] = [
  { title: 'sources, Secrets, pushes, a restart and the config', faults: [...OF_SOURCES, ...OF_SECRETS, ...OF_OTHERS] },
  { title: 'the policy, and code that nobody granted', faults: [POLICY, PLUG_IN] },
  { title: 'the rights', faults: [RIGHTS] },
  { title: 'an entry of the config', faults: [LOST] },
];

export const ALL: readonly Fault[] = WAVES.flatMap(({ faults }) => faults);

/** Once more where something else has changed at the same time. */
async function approve(people: World['people'], what: string): Promise<void> {
  await eventually(async () => {
    const { exitCode, stdout, stderr } = await people.as('approver', 'approve', what, '--yes');
    return exitCode === 0 || /nothing is held/.test(stdout + stderr);
  }, 180_000);
}

export async function configOf(
  faults: readonly Fault[],
  world: World,
  { corrected = false } = {},
): Promise<Parameters<World['configure']>[0]> {
  const providers: Record<string, object> = {};
  for (const fault of faults) {
    const made =
      corrected && fault.corrected?.source ? await fault.corrected.source(world) : world.sources.get(fault.name);
    const source = made ?? (await fault.source?.(world));
    if (source === undefined) continue;
    world.sources.set(fault.name, source);
    providers[fault.name] = source;
  }
  return {
    recipients: { home: world.recipient, other: world.stranger },
    providers,
    secrets: faults.flatMap(({ name: fault, entry, corrected: better }) => {
      const own = (corrected ? better?.entry : undefined) ?? entry;
      if (own === undefined) return [];
      const what = 'data' in own || 'dataFrom' in own ? {} : { dataFrom: [{ keys: ['A'] }] };
      return [{ name: fault, namespace: NAMESPACE, from: fault, ...what, ...own }];
    }),
    pushes: faults.flatMap(({ push }) => push ?? []),
  };
}

/** All that there is to know of a fault is known everywhere, or of its end. */
export function problemsOf(fault: Fault, surface: Surface, look: Look, isOver: boolean): readonly string[] {
  const said = surface.said(look[surface.of], fault.thing);
  if (isOver) return said === undefined || said.well ? [] : [`still ${said.state}: ${said.words}`];
  if (said === undefined || said.well) return ['says nothing of it'];
  const { state, words } = said;
  return [
    ...(state === undefined || state === fault.state ? [] : [`says that it is ${state}, and not ${fault.state}`]),
    ...(words === undefined
      ? []
      : [fault.named ?? fault.name, ...fault.words]
          .filter((text) => !words.includes(text))
          .map((text) => `does not say «${text}» but «${words}»`)),
  ];
}
