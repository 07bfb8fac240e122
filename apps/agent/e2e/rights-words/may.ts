import { createSecret, eventually, field, succeeded } from '@hikyaku/testbed';
import type { ApiAnswer } from '@hikyaku/testbed';
import { CONFIG_MAPS, DEPLOYMENTS, ours, OWN_SECRETS, SECRETS } from './scene.ts';
import type { Scene } from './scene.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/hikyaku/leases';
const ORDERS = ['hikyaku-config', 'hikyaku-grants', 'hikyaku-request', 'hikyaku-approval'];
const REPORTS = ['hikyaku-inventory', 'hikyaku-status', 'hikyaku-request', 'hikyaku-approval', 'hikyaku-identity'];

/** Requests of the agent, all of which pass. */
export const may: Readonly<Record<string, (scene: Scene) => Promise<readonly ApiAnswer[]>>> = {
  'create-own': async ({ agent }) => [await agent('POST', SECRETS, ours('create-own'))],
  'change-own': async ({ agent }) => {
    succeeded(await agent('POST', SECRETS, ours('change-own')));
    return [await agent('PUT', `${SECRETS}/change-own`, ours('change-own', { data: {} }))];
  },
  'delete-own': async ({ admin, agent }) => {
    succeeded(await agent('POST', SECRETS, ours('delete-own')));
    const labels = { 'hikyaku.dev/agent': 'hikyaku' };
    await createSecret(admin, 'kube-system/delete-own', { key: 'value' }, { labels });
    return [
      await agent('DELETE', `${SECRETS}/delete-own`),
      await agent('DELETE', '/api/v1/namespaces/kube-system/secrets/delete-own'),
    ];
  },
  'merge-data': async ({ admin, agent }) => {
    const labels = { 'hikyaku.dev/merge': 'hikyaku' };
    await createSecret(admin, 'web/merge-data', { theirs: 'value' }, { labels });
    return [await agent('PUT', `${SECRETS}/merge-data`, ours('merge-data', { metadata: { labels } }))];
  },
  'see-namespaces': async ({ agent }) => [
    await agent('GET', '/api/v1/namespaces/web'),
    await agent('GET', '/api/v1/namespaces'),
    await agent('GET', '/api/v1/namespaces?watch=1&timeoutSeconds=1'),
  ],
  'owner-role': async (scene) => [await readableByRole(scene, 'owner-role')],
  'read-own-namespace': async ({ agent }) => [await agent('GET', `${OWN_SECRETS}/doppler`)],
  'write-own-namespace': async ({ agent }) => [
    await agent('POST', OWN_SECRETS, ours('hikyaku-snapshot-9')),
    await agent('PUT', `${OWN_SECRETS}/hikyaku-snapshot-9`, ours('hikyaku-snapshot-9', { data: {} })),
  ],
  'read-orders': async ({ agent }) => {
    const answers: ApiAnswer[] = [];
    for (const name of ORDERS) {
      const byName = `${CONFIG_MAPS}?fieldSelector=metadata.name%3D${name}`;
      answers.push(await agent('GET', `${CONFIG_MAPS}/${name}`));
      answers.push(await agent('GET', `${byName}&watch=1&timeoutSeconds=1`));
    }
    return answers;
  },
  'write-own-objects': async ({ agent }) => {
    const answers: ApiAnswer[] = [];
    for (const name of REPORTS) {
      answers.push(await agent('GET', `${CONFIG_MAPS}/${name}`));
      answers.push(await agent('PUT', `${CONFIG_MAPS}/${name}`, { metadata: { name }, data: { key: 'value' } }));
    }
    return answers;
  },
  'hold-lease': async ({ agent }) => [
    await agent('GET', `${LEASES}/hikyaku`),
    await agent('GET', `${LEASES}?fieldSelector=metadata.name%3Dhikyaku&watch=1&timeoutSeconds=1`),
    await agent('PUT', `${LEASES}/hikyaku`, await leaseOf(agent, 'agent')),
  ],
  'write-events': async ({ agent }) => {
    const event = {
      metadata: { name: 'event' },
      type: 'Normal',
      reason: 'Synced',
      involvedObject: { kind: 'ConfigMap', namespace: 'hikyaku', name: 'hikyaku-status' },
    };
    const events = '/api/v1/namespaces/hikyaku/events';
    return [await agent('POST', events, event), await agent('PUT', `${events}/event`, { ...event, reason: 'Held' })];
  },
  'ask-own-token': async ({ agent }) => [
    await agent('POST', '/api/v1/namespaces/hikyaku/serviceaccounts/hikyaku/token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 3600, audiences: ['https://service.example'] },
    }),
  ],
  restart: async ({ agent, admin }) => {
    const answers: ApiAnswer[] = [];
    const annotations = { 'hikyaku.dev/restarted-for': 'app-env=1', 'hikyaku.dev/restart-reason': 'app-env: KEY' };
    const live = succeeded(await admin('GET', `${DEPLOYMENTS}/app`));
    for (const kind of ['deployments', 'statefulsets', 'daemonsets']) {
      const path = `/apis/apps/v1/namespaces/web/${kind}`;
      if (kind !== 'deployments') {
        const { selector, template } = Object(field(live, 'spec'));
        succeeded(await admin('POST', path, { metadata: { name: 'app' }, spec: { selector, template } }));
      }
      const patch = { spec: { template: { metadata: { annotations } } } };
      answers.push(await agent('PATCH', `${path}/app`, patch, { 'content-type': 'application/merge-patch+json' }));
    }
    return answers;
  },
  'read-workloads': async ({ agent }) => {
    const answers: ApiAnswer[] = [];
    for (const kind of ['deployments', 'statefulsets', 'daemonsets']) {
      answers.push(await agent('GET', `/apis/apps/v1/${kind}`));
      answers.push(await agent('GET', `/apis/apps/v1/namespaces/web/${kind}/app`));
    }
    return answers;
  },
};

async function leaseOf(agent: Scene['agent'], holderIdentity: string): Promise<object> {
  const { metadata } = Object(succeeded(await agent('GET', `${LEASES}/hikyaku`)));
  return { metadata: { name: metadata.name, resourceVersion: metadata.resourceVersion }, spec: { holderIdentity } };
}

/** The first answer after its owner gave a Role, and never before. */
export async function readableByRole(scene: Scene, name: string): Promise<ApiAnswer> {
  const { admin, agent } = scene;
  await createSecret(admin, `web/${name}`, { key: 'value' });
  const read = async () => await agent('GET', `${SECRETS}/${name}`);
  const before = await read();
  if (before.status !== 403) throw new Error(`${name} can be read without a Role`);
  await scene.ownerRole(name, 'read');
  await eventually(async () => (await read()).status === 200);
  return await read();
}
