import { setTimeout as sleep } from 'node:timers/promises';
import type { FakeFaultKind } from '@hikyaku/provider-doppler/testing';
import { createSecret, deleteSecret, patchSecret } from '@hikyaku/testbed';
import { NAMESPACES, SOURCES } from './model.ts';
import type { Random } from './random.ts';
import type { Watch } from './watch.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly name: string;
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  /** Says what it did, on which thing. */
  run(world: World, random: Random, watch: Watch): Promise<string>;
}

const FAULTS_OF_PROVIDERS: readonly FakeFaultKind[] = [
  '500',
  '502-html',
  '429',
  '403',
  '404',
  'hang',
  'reset',
  'truncate',
  'half-json',
  'slow',
  'not-json',
  'list',
  'empty',
  'nulls',
];

/** What people and machines do to an agent, healed by {@link heal} at the latest. */
export const FAULTS: readonly Fault[] = [
  {
    name: 'change',
    weight: 6,
    async run(world) {
      const { source, name, value } = world.model.changeSomething();
      if (value === undefined) world.fakes[source].remove(source, 'prd', name);
      else world.fakes[source].set(source, 'prd', name, value);
      return `${name} of ${source} ${value === undefined ? 'removed' : 'changed'}`;
    },
  },
  {
    name: 'kill',
    weight: 4,
    async run(world, random) {
      const replica = random.between(0, world.replicas - 1);
      const signal = random.pick(['SIGKILL', 'SIGKILL', 'SIGTERM'] as const);
      await world.endAgent(replica, signal);
      await sleep(random.between(0, 1_500));
      world.startAgent(replica);
      return `replica ${replica} ended by ${signal}, and started again`;
    },
  },
  {
    name: 'pause',
    weight: 1,
    async run(world, random) {
      const running = world.agents[random.between(0, world.replicas - 1)];
      running?.process.kill('SIGSTOP');
      await sleep(random.between(500, 4_000));
      running?.process.kill('SIGCONT');
      return 'a replica slept';
    },
  },
  {
    name: 'provider',
    weight: 5,
    async run(world, random) {
      const source = random.pick(SOURCES);
      const kind = random.pick(FAULTS_OF_PROVIDERS);
      world.fakes[source].fail({ kind, times: random.between(1, 6) });
      return `${source} answers with ${kind}`;
    },
  },
  {
    name: 'token',
    weight: 2,
    async run(world, random) {
      const source = random.pick(SOURCES);
      if (random.next() < 0.5) {
        await world.newProviderToken(source);
        return `the token of ${source} is replaced`;
      }
      world.revokeProviderToken(source);
      return `the token of ${source} is revoked`;
    },
  },
  {
    name: 'api token',
    weight: 1,
    async run(world) {
      await world.spoilApiToken();
      await sleep(1_500);
      await world.newApiToken();
      return "the agent's token had expired for a moment";
    },
  },
  {
    name: 'connection',
    weight: 4,
    async run(world, random) {
      const mode = random.pick(['slow', 'closed', 'silent', 'open'] as const);
      world.proxy.mode = mode;
      if (mode === 'closed' || mode === 'open') world.proxy.cut();
      return `connections to the API server: ${mode === 'open' ? 'cut once' : mode}`;
    },
  },
  {
    name: 'api server',
    weight: 1,
    async run(world, random) {
      const how = random.pick(['stop', 'kill'] as const);
      await world.restartApiServer(how);
      return `the API server was ended (${how}) and started again`;
    },
  },
  {
    name: 'clock',
    weight: 2,
    async run(world, random) {
      const hours = random.pick([-48, -1, 0, 1, 48, 24 * 365]);
      await world.writeClock(hours * 3_600_000);
      return `the wall clock of the agents is off by ${hours} h`;
    },
  },
  {
    name: 'config',
    weight: 3,
    async run(world, random) {
      if (random.next() < 0.4) {
        await world.writeConfig(random.pick(['{', 'secrets: 7\n', '', 'providers: {}\nsecrets: []\nsecret: []\n']));
        return 'the config is broken';
      }
      const what = world.model.editEntries();
      await world.writeConfig();
      return `the config: ${what}`;
    },
  },
  {
    name: 'tampering',
    weight: 5,
    async run(world, random, watch) {
      const id = random.pick(world.model.ids);
      const what = random.pick([
        'a key changed',
        'a key added',
        'all keys removed',
        'deleted',
        'label dropped',
      ] as const);
      const isThere = (await world.secrets()).has(id);
      if (!isThere) return `${id} is not there to be tampered with`;
      watch.tampered(id);
      if (what === 'deleted') {
        await deleteSecret(world.admin, id);
        watch.gone(id);
      } else if (what === 'label dropped') {
        const { resourceVersion } = await patchSecret(world.admin, id, {
          metadata: { labels: { 'hikyaku.dev/agent': null } },
        });
        watch.taken(id, resourceVersion);
      } else {
        const data = {
          'a key changed': { data: { A: 'ZXZpbA==', user: 'ZXZpbA==' } },
          'a key added': { data: { NODE_OPTIONS: 'ZXZpbA==' } },
          'all keys removed': { data: null },
        }[what];
        const { resourceVersion } = await patchSecret(world.admin, id, data);
        watch.changedByPeople(id, resourceVersion);
      }
      return `${id}: ${what}`;
    },
  },
  {
    name: 'force-applier',
    weight: 1,
    async run(world, random, watch) {
      const id = `${random.pick(NAMESPACES)}/fought`;
      for (let times = 0; times < 8; times++) {
        watch.tampered(id);
        const [namespace = '', name = ''] = id.split('/');
        const answer = await world.admin(
          'PATCH',
          `/api/v1/namespaces/${namespace}/secrets/${name}?fieldManager=flux&force=true`,
          { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: { c: 'Zmx1eA==' } },
          { 'content-type': 'application/apply-patch+yaml' },
        );
        // One that was taken away or made anew by this has no label, and is not the agent's.
        if (answer.status < 300) watch.seen(id, await world.secrets());
        await sleep(300);
      }
      return `${id} was applied by force, again and again`;
    },
  },
  {
    name: 'namespace',
    weight: 1,
    async run(world, random, watch) {
      const namespace = random.pick(NAMESPACES);
      watch.namespaceGone(namespace);
      await world.deleteNamespace(namespace);
      await sleep(random.between(0, 3_000));
      await world.makeNamespace(namespace);
      watch.namespaceMade(namespace, await world.secrets());
      return `the namespace ${namespace} was deleted and made again`;
    },
  },
  {
    name: 'rights',
    weight: 1,
    async run(world, random) {
      await world.takeRights();
      await sleep(random.between(1_000, 5_000));
      await world.giveRights();
      return 'the rights of the agent were away for a moment';
    },
  },
  {
    name: 'foreign',
    weight: 1,
    async run(world, random, watch) {
      const id = random.pick(world.model.ids);
      if ((await world.secrets()).has(id)) return `${id} is there`;
      const { resourceVersion } = await createSecret(world.admin, id, { theirs: 'untouched' });
      watch.taken(id, resourceVersion);
      return `${id} was made by somebody else`;
    },
  },
];

/** Ends every fault, and gives back what was taken; what somebody else has taken for good is handed over again only after it was looked at. */
export async function heal(world: World): Promise<void> {
  world.proxy.mode = 'open';
  world.proxy.cut();
  for (const source of SOURCES) {
    world.fakes[source].clearFaults();
    await world.newProviderToken(source);
  }
  await world.newApiToken();
  await world.writeClock(0);
  await world.giveRights();
  await world.writeConfig();
  for (const [replica, running] of world.agents.entries()) if (running === undefined) world.startAgent(replica);
}

/** Its owner gives it to the agent; or deletes it, where nothing wants it any more. */
export async function handOver(world: World, id: string): Promise<string> {
  if (!world.model.isWanted(id)) {
    await deleteSecret(world.admin, id);
    return `${id} is deleted by its owner`;
  }
  await patchSecret(world.admin, id, { metadata: { labels: { 'hikyaku.dev/agent': 'hikyaku' } } });
  return `${id} is handed over to the agent`;
}
