import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNamespace, eventually, expectExit, field, installRights, startCluster } from '@hikyaku/testbed';
import type { Api, Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allExamples } from './examples/all-examples.ts';
import { giveSecrets } from './examples/give-secrets.ts';
import { asLive, oursIn, ofEach, removeWhatIsOurs } from './examples/live-secrets.ts';
import { prepareExample } from './examples/prepare-example.ts';
import type { Preparer } from './examples/preparer.ts';
import { startPreparers } from './examples/preparers.ts';
import { applyObjects, manifests, mountOf, objectOf, syncIn } from './manifests.test.kit.ts';

// What `hikyaku manifests` prints for each example, applied to a real API server, is enough for the agent with its own token: config, files,
// variables and flags are those of the ConfigMap and the Deployment.

const examplesDirectory = fileURLToPath(new URL('../../../examples', import.meta.url));
const ids = Object.values(allExamples).flatMap(({ secrets }) => Object.keys(secrets));
const namespaces = [...new Set(ids.map((id) => dirname(id)))];
/** Folders of secrets, which a person mounts. */
const MOUNTED = ['file-source', 'run'];

let cluster: Cluster;
let agent: Api;
let preparer: Preparer;
let kubeconfig: string;
let work: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'hikyaku-manifests-examples-'));
  cluster = await startCluster();
  preparer = await startPreparers(cluster);
  agent = await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  const own = namespaces.filter((name) => name !== 'default');
  await Promise.all(own.map((name) => createNamespace(cluster.admin, name)));
});
afterAll(async () => {
  await preparer?.[Symbol.asyncDispose]();
  await cluster?.stop();
  await rm(work, { recursive: true, force: true });
});

test.each(Object.entries(allExamples))(
  '%s: the manifests are enough for all of its Secrets, with the rights «own» and «named»',
  async (name, example) => {
    const to = join(work, name.replaceAll('/', '-'));
    await using _ = await giveSecrets(cluster, example);
    const { path, env } = await prepareExample(name, example, { preparer, from: examplesDirectory, to });
    const { HIKYAKU_CLUSTER, ...variables } = env;
    const flags = HIKYAKU_CLUSTER === undefined ? [] : ['--cluster', HIKYAKU_CLUSTER];
    for (const rights of ['own', 'named']) {
      await removeWhatIsOurs(cluster, namespaces);
      const objects = await manifests(path, ['--rights', rights, ...flags]);
      await applyObjects(cluster, objects);
      const grants = field(objectOf(objects, 'ConfigMap', 'hikyaku-grants'), 'data');
      const names = field(grants, 'names');
      await inForce(typeof names === 'string' ? names.split(', ') : [], rights);

      const mounted = await mountOf(objects, variables, { from: dirname(path), names: MOUNTED });
      const finished = await syncIn(mounted, kubeconfig);
      expectExit(finished, 0);
      expect(await oursIn(cluster, namespaces)).toEqual(ofEach(example, asLive));
      expect(field(JSON.parse(finished.stdout), 'grants', 'missing')).toEqual([]);
      await rm(mounted.folder, { recursive: true });
    }
  },
);

/** Waits until the policy goes by these names: an unlisted one is refused just where there is a list. */
async function inForce(names: readonly string[], rights: string): Promise<void> {
  const isRefused = async (id: string) => {
    const [namespace = '', name = ''] = id.split('/');
    const metadata = { name, labels: { 'hikyaku.dev/agent': 'hikyaku' } };
    const { text } = await agent('POST', `/api/v1/namespaces/${namespace}/secrets?dryRun=All`, { metadata });
    return text.includes('hikyaku: name: ');
  };
  const listed = rights === 'named' ? names : [];
  await eventually(async () => {
    if ((await isRefused('default/never-listed')) !== (rights === 'named')) return false;
    for (const id of listed) if (await isRefused(id)) return false;
    return true;
  });
}
