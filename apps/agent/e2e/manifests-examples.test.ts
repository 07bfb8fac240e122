import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { eventually, expectExit, field } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allExamples } from './examples/all-examples.ts';
import { ExampleStage } from './examples/example-stage.ts';
import { giveSecrets } from './examples/give-secrets.ts';
import { asLive, ofEach } from './examples/live-secrets.ts';
import { applyObjects, manifests, mountOf, objectOf, syncIn } from './manifests.test.kit.ts';

// What `hikyaku manifests` prints for each example, applied to a real API server, is enough for the agent with its own token: config, files,
// variables and flags are those of the ConfigMap and the Deployment.

/** Folders of secrets, which a person mounts. */
const MOUNTED = ['file-source', 'run'];

let stage: ExampleStage;

beforeAll(async () => {
  stage = await ExampleStage.open();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

test.each(Object.entries(allExamples))(
  '%s: the manifests are enough for all of its Secrets, with the rights «own» and «named»',
  async (name, example) => {
    await using _ = await giveSecrets(stage.cluster, example);
    const { path, env } = await stage.prepare(name, example);
    const { HIKYAKU_CLUSTER, ...variables } = env;
    const flags = HIKYAKU_CLUSTER === undefined ? [] : ['--cluster', HIKYAKU_CLUSTER];
    for (const rights of ['own', 'named']) {
      await stage.removeOurs();
      const objects = await manifests(path, ['--rights', rights, ...flags]);
      await applyObjects(stage.cluster, objects);
      const grants = field(objectOf(objects, 'ConfigMap', 'hikyaku-grants'), 'data');
      const names = field(grants, 'names');
      await inForce(typeof names === 'string' ? names.split(', ') : [], rights);

      const mounted = await mountOf(objects, variables, { from: dirname(path), names: MOUNTED });
      const finished = await syncIn(mounted, stage.kubeconfig);
      expectExit(finished, 0);
      expect(await stage.ours()).toEqual(ofEach(example, asLive));
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
    const { text } = await stage.own('POST', `/api/v1/namespaces/${namespace}/secrets?dryRun=All`, { metadata });
    return text.includes('hikyaku: name: ');
  };
  const listed = rights === 'named' ? names : [];
  await eventually(async () => {
    if ((await isRefused('default/never-listed')) !== (rights === 'named')) return false;
    for (const id of listed) if (await isRefused(id)) return false;
    return true;
  });
}
