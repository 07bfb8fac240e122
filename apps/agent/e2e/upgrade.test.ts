import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  buildOf,
  buildSaying,
  changedObjects,
  createSecret,
  deleteSecret,
  expectExit,
  hikyaku,
  objectVersions,
  readSecret,
  readSecrets,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// From an older build to this one and back, on one real API server: what one has written, the other reads, and leaves as it is.

/** The last one that knew neither identities nor changes of the config while it runs. */
const OLDER = '20e816e20fe7';
/** What a version may have that an older one has not; nobody's Secret is among it. */
const OWN_NEWS = /^(configmaps|secrets) hikyaku\/hikyaku-(identity|last-config|status)$/;

let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;
let namespace: string;

const directory = await mkdtemp(join(tmpdir(), 'hikyaku-builds-'));
const older = await buildOf(OLDER, join(directory, 'older'));
if (older === undefined)
  console.log(
    `not tested with the build of ${OLDER}: this clone does not reach back that far. Fetch the whole history`,
  );
const builds: readonly (readonly [string, string])[] = [
  ...(older === undefined ? [] : [[`the build of ${OLDER}`, older] as const]),
  ['a build that says another version', await buildSaying('0.0.9', join(directory, 'saying'))],
];

beforeAll(async () => {
  stage = await Stage.open('upgrade');
  ({ admin, doppler } = stage);
});
beforeEach(async () => {
  namespace = await stage.begin();
  doppler.addConfig(namespace, 'lab', { A: '1', B: '2' });
});
afterEach(async () => {
  await stage.end();
  await admin('DELETE', `/api/v1/namespaces/${namespace}`);
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function configOf(names: readonly string[]): Promise<string> {
  const providers = { lab: stage.source('lab', { hold: 'off' }) };
  const secrets = names.map((name) => ({ name, namespace, from: 'lab' }));
  const pushes = [{ from: { namespace, secret: 'app' }, to: 'lab', data: { PUSHED: 'key' } }];
  return await stage.configs.write({ resync: '5s', hold: 'off', providers, secrets, pushes });
}

function options(build?: string) {
  return { env: stage.env, ...(build !== undefined && { build }) };
}

function launch(config: string, build?: string): Running {
  return stage.start(['run', '--config', config, '--kubeconfig', stage.kubeconfig], options(build));
}

/** Long enough for a resync. */
async function runAWhile(config: string, build?: string): Promise<void> {
  const agent = launch(config, build);
  await agent.logged({ msg: 'source read' });
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  await agent.stop();
}

async function holds(name: string, value: string): Promise<void> {
  const read = async () =>
    expect(await readSecret(admin, `${namespace}/${name}`)).toMatchObject({ data: { A: value } });
  await vi.waitFor(read, { timeout: 20_000, interval: 50 });
}

/** A Deployment that has the Secret in its environment, and a Secret that is pushed. */
async function prepare(): Promise<void> {
  const labels = { app: 'web' };
  const containers = [{ name: 'web', image: 'none', envFrom: [{ secretRef: { name: 'first' } }] }];
  const body = {
    metadata: { name: 'web' },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
  };
  succeeded(await admin('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, body));
  await createSecret(admin, `${namespace}/app`, { key: 'pushed' });
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const metadata = { name: 'hikyaku-read' };
  const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['app'], verbs: ['get', 'list', 'watch'] }];
  succeeded(await admin('POST', `${rbac}/roles`, { metadata, rules }));
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'hikyaku-read' };
  const subjects = [{ kind: 'ServiceAccount', name: 'hikyaku', namespace: 'hikyaku' }];
  succeeded(await admin('POST', `${rbac}/rolebindings`, { metadata, roleRef, subjects }));
}

describe.each(builds)('from %s to this one and back', (_, other) => {
  test('no Secret is written, nothing is rolled out, and nothing of the agent’s own changes that the other one reads', async () => {
    await prepare();
    const config = await configOf(['first', 'second']);
    await runAWhile(config, other);
    expect([...(await readSecrets(admin, namespace)).keys()].toSorted()).toEqual(['app', 'first', 'second']);
    expect(doppler.names(namespace, 'lab')).toContain('PUSHED');
    const before = await objectVersions(admin);
    for (const build of [undefined, other, undefined]) await runAWhile(config, build);
    const changed = changedObjects(before, await objectVersions(admin));
    expect(changed.filter((name) => !OWN_NEWS.test(name))).toEqual([]);
  });

  test('each knows what the other one made: changes it, prunes it, and puts it right while the source is down', async () => {
    await prepare();
    const [all, one] = [await configOf(['first', 'second']), await configOf(['first'])];
    const turns = [other, undefined, other, undefined];
    for (const [turn, build] of turns.entries()) {
      doppler.set(namespace, 'lab', 'A', `turn ${turn}`);
      expectExit(await hikyaku(['sync', '--config', all, '--kubeconfig', stage.kubeconfig], options(build)), 0);
      await holds('second', `turn ${turn}`);
      // The next one has only what this one has kept.
      doppler.fail({ kind: '500' });
      await deleteSecret(admin, `${namespace}/second`);
      const next = launch(all, turns[(turn + 1) % turns.length]);
      await holds('second', `turn ${turn}`);
      await next.stop();
      doppler.clearFaults();
      expectExit(
        await hikyaku(['sync', '--config', one, '--kubeconfig', stage.kubeconfig], options(turns[(turn + 1) % 4])),
        0,
      );
      expect(await readSecret(admin, `${namespace}/second`)).toBeUndefined();
    }
  });
});
