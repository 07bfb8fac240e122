import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, type Cluster, field, mintToken } from './cluster.ts';
import { applyYaml } from './manifests.ts';

/** The install files as a person applies them. */
export function readInstallFile(name: 'rights-own.yaml' | 'rights-restarts.yaml' | 'grants.yaml'): Promise<string> {
  return readFile(new URL(`../../../deploy/${name}`, import.meta.url), 'utf8');
}

/** Applies the rights and the grants, waits until every policy is in force, and returns the API as the agent sees it. */
export async function installRights(cluster: Cluster): Promise<Api> {
  await applyYaml(cluster.admin, await readInstallFile('rights-own.yaml'));
  await applyYaml(cluster.admin, await readInstallFile('grants.yaml'));
  const agent = cluster.api(await mintToken(cluster.admin, 'hikyaku', 'hikyaku'));
  await eventually(async () => {
    const answers = await Promise.all([
      agent('POST', '/api/v1/namespaces/hikyaku/secrets?dryRun=All', {
        metadata: { name: 'hikyaku-probe', labels: { 'hikyaku.dev/agent': 'hikyaku' } },
        type: 'hikyaku.dev/probe',
      }),
      agent('PUT', '/api/v1/namespaces/hikyaku/configmaps/hikyaku-status?dryRun=All', {
        metadata: { name: 'hikyaku-status', labels: { probe: '' } },
      }),
      agent('POST', '/api/v1/namespaces/hikyaku/serviceaccounts/hikyaku/token?dryRun=All', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 86_400 },
      }),
    ]);
    // The three policies, and the first with its parameters.
    return answers.every(
      ({ status, body }) =>
        status === 422 && /: hikyaku: (type|labels|lifetime): /.test(String(field(body, 'message'))),
    );
  });
  return agent;
}

/** Waits for what the API server or a controller does a little later; throws after 30 s, or as said. */
export async function eventually(holds: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`did not become true in ${timeoutMs / 1000} s: ${holds.toString()}`);
    await sleep(50);
  }
}
