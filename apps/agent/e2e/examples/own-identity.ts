import { type Cluster, ConfigFiles, field, startHikyaku, succeeded } from '@hikyaku/testbed';
import { vi } from 'vitest';

/** Which of the clusters of an example the one of the tests is. */
export const OWN_NAME = 'home';

export interface OwnIdentity {
  readonly recipient: string;
  /** Of the key that signs assertions, PEM. */
  readonly publicKey: string;
}

/** What the agent of a cluster shows in its ConfigMap once it has run. */
export async function ownIdentity(own: Cluster): Promise<OwnIdentity> {
  await using configs = new ConfigFiles();
  const config = await configs.write({ providers: {}, secrets: [] });
  const agent = startHikyaku(['run', '--config', config, '--kubeconfig', await own.agentKubeconfig()]);
  try {
    return await vi.waitFor(() => shownBy(own), { timeout: 20_000, interval: 100 });
  } finally {
    await agent.stop();
  }
}

async function shownBy({ admin }: Cluster): Promise<OwnIdentity> {
  const shown = succeeded(await admin('GET', '/api/v1/namespaces/hikyaku/configmaps/hikyaku-identity'));
  const recipient = field(shown, 'data', 'recipient');
  const publicKey = field(shown, 'data', 'servicePrincipalPublicKey');
  if (typeof recipient !== 'string' || typeof publicKey !== 'string')
    throw new Error('the agent has not shown its keys yet');
  return { recipient: recipient.trim(), publicKey };
}
