import { applyYaml, createSecret, expectExit, hikyaku, secretPath, succeeded } from '@hikyaku/testbed';
import type { Api, Cluster } from '@hikyaku/testbed';
import type { Example } from './example.ts';

/** Makes the Secrets of others that an example has, and gives the agent the right to watch them, as their owners would. Disposing removes them. */
export async function giveSecrets({ admin }: Cluster, { given = {} }: Example): Promise<AsyncDisposable> {
  for (const [id, data] of Object.entries(given)) {
    const [namespace = ''] = id.split('/');
    await unless(409, admin('POST', '/api/v1/namespaces', { metadata: { name: namespace } }));
    // Another example may have made one of this name.
    await remove(admin, id);
    await createSecret(admin, id, data);
    const role = await hikyaku(['rights', 'role', id, '--watch']);
    expectExit(role, 0);
    await applyYaml(admin, role.stdout);
  }
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.keys(given).map((id) => remove(admin, id)));
    },
  };
}

async function remove(admin: Api, id: string): Promise<void> {
  await unless(404, admin('DELETE', secretPath(id)));
}

async function unless(status: number, asked: ReturnType<Api>): Promise<void> {
  const answer = await asked;
  if (answer.status !== status) succeeded(answer);
}
