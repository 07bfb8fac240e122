import { readFile } from 'node:fs/promises';
import { applyYaml, createNamespace, createSecret, mintToken, startCluster, succeeded } from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';
import { stringify } from 'yaml';
import { documentedRole } from './documented-role.ts';
import { placeCredential, textAt } from './preparer.ts';
import type { Preparer } from './preparer.ts';

/** Sources of the agent's `own` cluster are in it; all others are in one more, which starts when the first one comes. */
export function prepareKubernetes(own: Cluster): Preparer {
  let hub: Promise<Cluster> | undefined;
  return {
    async prepare(source) {
      const { settings, contents } = source;
      const namespace = textAt(settings, 'namespace') ?? '';
      const isOwn = textAt(settings, 'server') === undefined;
      const cluster = isOwn ? own : await (hub ??= startCluster({ controllers: false }));
      await createNamespace(cluster.admin, namespace);
      const account = isOwn ? { namespace: 'hikyaku', name: 'hikyaku' } : { namespace, name: 'cabin' };
      for (const [secret, data] of bySecret(contents)) {
        await createSecret(cluster.admin, `${namespace}/${secret}`, data);
        await applyYaml(cluster.admin, await documentedRole({ namespace, secret, account }));
      }
      if (isOwn) return {};

      const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      succeeded(await cluster.admin('POST', accounts, { metadata: { name: account.name } }));
      const token = await mintToken(cluster.admin, namespace, account.name);
      const placed = await placeCredential(await kubeconfigOf(cluster, token), { path: ['kubeconfig'] }, source);
      return { ...placed, settings: { server: cluster.url }, hidden: [token] };
    },
    async [Symbol.asyncDispose]() {
      await (await hub)?.stop();
    },
  };
}

/** `<secret>/<key>`, sorted out. */
function bySecret(contents: Readonly<Record<string, string>>): ReadonlyMap<string, Record<string, string>> {
  const secrets = new Map<string, Record<string, string>>();
  for (const [name, value] of Object.entries(contents)) {
    const [secret = '', key = ''] = name.split('/');
    secrets.set(secret, { ...secrets.get(secret), [key]: value });
  }
  return secrets;
}

async function kubeconfigOf({ url, caPath }: Cluster, token: string): Promise<string> {
  const authority = (await readFile(caPath)).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'hub', cluster: { server: url, 'certificate-authority-data': authority } }],
    users: [{ name: 'cabin', user: { token } }],
    contexts: [{ name: 'hub', context: { cluster: 'hub', user: 'cabin' } }],
    'current-context': 'hub',
  });
}
