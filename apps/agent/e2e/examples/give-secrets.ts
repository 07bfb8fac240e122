import { applyYaml, createSecret, expectExit, hikyaku, succeeded } from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';
import type { Example } from './example.ts';

/** Makes the Secrets of others that an example has, and gives the agent the right to watch them, as their owners would. */
export async function giveSecrets({ admin }: Cluster, { given = {} }: Example): Promise<void> {
  for (const [id, data] of Object.entries(given)) {
    const [namespace = ''] = id.split('/');
    const answer = await admin('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    if (answer.status !== 409) succeeded(answer);
    await createSecret(admin, id, data);
    const role = await hikyaku(['rights', 'role', id, '--watch']);
    expectExit(role, 0);
    await applyYaml(admin, role.stdout);
  }
}
