import { createSecret, eventually, field, mintToken, succeeded } from '@hikyaku/testbed';
import type { ApiAnswer } from '@hikyaku/testbed';
import { CONFIG_MAPS, DEPLOYMENTS, GRANTS, MERGE_PATCH, ours, OWN_SECRETS, SECRETS, wordOf } from './scene.ts';
import type { Scene } from './scene.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/hikyaku/leases/hikyaku';
const SYSTEM = '/api/v1/namespaces/kube-system/secrets';
const NO_PARAMETERS = 'no params found for policy binding';
const APPLY = { 'content-type': 'application/apply-patch+yaml' };
const ANOTHER = { 'hikyaku.dev/agent': 'other' };

/** Requests of the agent, none of which passes. */
export const mayNot: Readonly<Record<string, (scene: Scene) => Promise<readonly ApiAnswer[]>>> = {
  'read-secrets': async ({ agent }) => {
    succeeded(await agent('POST', SECRETS, ours('read-secrets')));
    return [
      await agent('GET', `${SECRETS}/foreign`),
      await agent('GET', `${SECRETS}/read-secrets`),
      await agent('GET', SECRETS),
      await agent('GET', `${SECRETS}?labelSelector=hikyaku.dev%2Fagent%3Dhikyaku`),
      await agent('GET', `${SECRETS}?watch=1&timeoutSeconds=1`),
      await agent('GET', '/api/v1/secrets'),
      await agent('GET', OWN_SECRETS),
    ];
  },
  'patch-secrets': async ({ agent }) => {
    succeeded(await agent('POST', SECRETS, ours('patch-secrets')));
    return [
      await agent('PATCH', `${SECRETS}/foreign`, {}, MERGE_PATCH),
      await agent('PATCH', `${SECRETS}/patch-secrets`, {}, MERGE_PATCH),
      await agent('PATCH', `${SECRETS}/patch-secrets?dryRun=All`, {}, MERGE_PATCH),
      await agent('PATCH', `${SECRETS}/patch-secrets?fieldManager=x&force=true`, ours('patch-secrets'), APPLY),
    ];
  },
  'delete-many': async ({ agent }) => {
    succeeded(await agent('POST', SECRETS, ours('delete-many')));
    return [
      await agent('DELETE', SECRETS),
      await agent('DELETE', `${SECRETS}/delete-many`, { propagationPolicy: 'Foreground' }),
      await agent('DELETE', `${SECRETS}/delete-many`, { orphanDependents: true }),
    ];
  },
  'touch-others': async ({ agent }) => [
    await agent('PUT', `${SECRETS}/foreign`, ours('foreign')),
    await agent('PUT', `${SECRETS}/foreign?dryRun=All`, ours('foreign')),
    await agent('DELETE', `${SECRETS}/foreign`),
    await agent('DELETE', `${SECRETS}/foreign?dryRun=All`),
    await agent('POST', SECRETS, ours('foreign')),
  ],
  'drop-label': async ({ agent }) => {
    succeeded(await agent('POST', SECRETS, ours('drop-label')));
    return [
      await agent('PUT', `${SECRETS}/drop-label`, ours('drop-label', { metadata: { labels: {} } })),
      await agent('PUT', `${SECRETS}/drop-label`, ours('drop-label', { metadata: { labels: ANOTHER } })),
      await agent('POST', SECRETS, ours('drop-label-2', { metadata: { labels: {} } })),
    ];
  },
  'merge-more': async ({ admin, agent }) => {
    const labels = { 'hikyaku.dev/merge': 'hikyaku' };
    await createSecret(admin, 'web/merge-more', { theirs: 'value' }, { labels });
    const put = (metadata: object, more = {}) =>
      agent('PUT', `${SECRETS}/merge-more`, ours('merge-more', { metadata: { labels, ...metadata }, ...more }));
    return [
      await put({ labels: { ...labels, team: 'web' } }),
      await put({ annotations: { team: 'web' } }),
      await put({ finalizers: ['example.com/a'] }),
      await put({ ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' }] }),
      await put({}, { immutable: true }),
      await put({}, { type: 'example.com/other' }),
      await agent('DELETE', `${SECRETS}/merge-more`),
    ];
  },
  'reserved-namespaces': async ({ admin, agent }) => {
    await createSecret(admin, 'kube-system/ours', {}, { labels: { 'hikyaku.dev/agent': 'hikyaku' } });
    return [await agent('POST', SYSTEM, ours('reserved')), await agent('PUT', `${SYSTEM}/ours`, ours('ours'))];
  },
  'other-names': async (scene) => {
    const write = () => scene.probe('not-named');
    if (scene.kind === 'named') return [await write()];
    const isLimited = async () => (await write()).status === 422;
    return await scene.withGrants({ names: 'web/one, web/two' }, isLimited, async () => [await write()]);
  },
  'other-types': async ({ agent }) => [
    await agent('POST', SECRETS, ours('other-types', { type: 'example.com/other' })),
    await agent(
      'POST',
      SECRETS,
      ours('other-types', {
        type: 'kubernetes.io/service-account-token',
        metadata: { annotations: { 'kubernetes.io/service-account.name': 'default' } },
      }),
    ),
  ],
  'other-metadata': async ({ agent }) =>
    await inTurn(
      [
        { labels: { 'argocd.argoproj.io/secret-type': 'cluster' } },
        { labels: { 'hikyaku.dev/merge': 'hikyaku' } },
        { annotations: { 'meta.helm.sh/release-name': 'web' } },
        { labels: { 'app.kubernetes.io/managed-by': 'Helm' } },
      ],
      ({ labels = {}, ...more }: { readonly labels?: object }) =>
        agent(
          'POST',
          SECRETS,
          ours('other-metadata', { metadata: { labels: { 'hikyaku.dev/agent': 'hikyaku', ...labels }, ...more } }),
        ),
    ),
  owners: async ({ agent }) =>
    await inTurn(
      [
        { finalizers: ['example.com/a'] },
        {
          ownerReferences: [
            { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: '00000000-0000-4000-8000-000000000000' },
          ],
        },
      ],
      (metadata) => agent('POST', SECRETS, ours('owners', { metadata })),
    ),
  'made-up-names': async ({ agent }) => [
    await agent('POST', SECRETS, ours('', { metadata: { name: undefined, generateName: 'made-up-' } })),
  ],
  'own-namespace-names': async ({ agent }) => [
    await agent('POST', OWN_SECRETS, ours('credential')),
    await agent('PUT', `${OWN_SECRETS}/doppler`, ours('doppler')),
    await agent('DELETE', `${OWN_SECRETS}/doppler`),
  ],
  'without-grants': async (scene) => {
    const answers: ApiAnswer[] = [];
    const probe = () => scene.probe('without-grants');
    const isClosed = async () => (await probe()).status === 422;
    for (const list of ['types', 'reservedNamespaces', 'metadataPrefixes'])
      answers.push(await scene.withGrants({ [list]: null }, isClosed, probe));
    return [...answers, await withoutObject(scene, probe)];
  },
  'own-objects-metadata': async ({ agent }) => {
    const answers = await inTurn(
      [
        { labels: { grafana_dashboard: '1' } },
        { annotations: { team: 'web' } },
        { finalizers: ['example.com/a'] },
        {
          ownerReferences: [
            { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: '00000000-0000-4000-8000-000000000000' },
          ],
        },
      ],
      (metadata) =>
        agent('PUT', `${CONFIG_MAPS}/hikyaku-status`, { metadata: { name: 'hikyaku-status', ...metadata } }),
    );
    const { metadata } = Object(succeeded(await agent('GET', LEASE)));
    const lease = {
      metadata: { name: 'hikyaku', resourceVersion: metadata.resourceVersion, labels: { team: 'web' } },
      spec: {},
    };
    return [
      ...answers,
      await agent('PUT', LEASE, lease),
      await agent('POST', CONFIG_MAPS, { metadata: { name: 'another' } }),
    ];
  },
  'long-tokens': async (scene) => {
    const fromPod = scene.cluster.api(await podToken(scene, 'long-tokens'));
    return [
      await scene.agent('POST', tokensOf('hikyaku'), tokenRequest({ expirationSeconds: 3601 })),
      await fromPod('POST', tokensOf('hikyaku'), tokenRequest({})),
    ];
  },
  'other-accounts': async ({ agent }) => [
    await agent('POST', tokensOf('default'), tokenRequest({})),
    await agent('POST', '/api/v1/namespaces/kube-system/serviceaccounts/default/token', tokenRequest({})),
    await agent('GET', '/api/v1/namespaces', undefined, { 'impersonate-user': 'somebody' }),
    await agent('GET', '/api/v1/namespaces', undefined, {
      'impersonate-user': 'somebody',
      'impersonate-group': 'system:masters',
    }),
  ],
  'own-rights': async ({ agent }) => {
    const answers: ApiAnswer[] = [];
    for (const path of RIGHTS) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      answers.push(await agent('PUT', path, { metadata: { name } }));
      answers.push(await agent('PATCH', path, {}, MERGE_PATCH));
      answers.push(await agent('DELETE', path));
    }
    return answers;
  },
  'anything-else': async ({ agent, kind }) => {
    const paths = [
      '/api/v1/pods',
      '/api/v1/nodes',
      '/api/v1/namespaces/hikyaku/serviceaccounts',
      '/api/v1/namespaces/web/configmaps',
      CONFIG_MAPS,
      `${RBAC}/clusterroles`,
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      ...(kind === 'own' ? [DEPLOYMENTS] : []),
    ];
    const pod = { metadata: { name: 'thief' }, spec: { containers: [{ name: 'x', image: 'x' }] } };
    return [
      ...(await inTurn(paths, (path) => agent('GET', path))),
      await agent('POST', '/api/v1/namespaces/web/pods', pod),
      await agent('POST', '/api/v1/namespaces/hikyaku/pods', pod),
      await agent('POST', '/api/v1/namespaces', { metadata: { name: 'thief' } }),
    ];
  },
  'restart-others': async (scene) => [
    await scene.restart('other', {}),
    await scene.withGrants(
      { restarts: null },
      async () => (await scene.restart('app', {})).status === 422,
      () => scene.restart('app', {}),
    ),
  ],
  'change-workloads': async (scene) => {
    const label = { metadata: { labels: { team: 'x' } } };
    return [
      await scene.restart('app', { replicas: 3 }),
      await scene.restart('app', { template: { spec: { serviceAccountName: 'x' } } }),
      await scene.restart('app', { template: label }),
      await scene.restart('app', {}, { 'sidecar.example.com/inject': 'true' }),
      await scene.agent('PATCH', `${DEPLOYMENTS}/app?dryRun=All`, label, MERGE_PATCH),
    ];
  },
  'make-workloads': async (scene) => {
    const { agent, admin } = scene;
    const live = Object(succeeded(await admin('GET', `${DEPLOYMENTS}/app`)));
    const answers = [
      await agent('POST', DEPLOYMENTS, { ...live, metadata: { name: 'new' } }),
      await agent('DELETE', `${DEPLOYMENTS}/app`),
      await agent('PATCH', `${DEPLOYMENTS}/app/scale`, { spec: { replicas: 0 } }, MERGE_PATCH),
    ];
    // Another role may let it; the policy still does not.
    const rules = [{ apiGroups: ['apps'], resources: ['deployments', 'deployments/scale'], verbs: ['*'] }];
    await giveRole(scene, 'make-workloads', rules);
    const create = () => agent('POST', `${DEPLOYMENTS}?dryRun=All`, { ...live, metadata: { name: 'new' } });
    await eventually(async () => (await create()).status !== 403);
    return [...answers, await create(), await agent('DELETE', `${DEPLOYMENTS}/app?dryRun=All`)];
  },
};

const RIGHTS = [
  GRANTS,
  `${CONFIG_MAPS}/hikyaku-config`,
  ...['hikyaku-own', 'hikyaku-own-objects', 'hikyaku-own-tokens'].flatMap((name) => [
    `${ADMISSION}/validatingadmissionpolicies/${name}`,
    `${ADMISSION}/validatingadmissionpolicybindings/${name}`,
  ]),
  `${RBAC}/clusterroles/hikyaku-own`,
  `${RBAC}/clusterrolebindings/hikyaku-own`,
  `${RBAC}/namespaces/hikyaku/roles/hikyaku-own`,
  `${RBAC}/namespaces/hikyaku/rolebindings/hikyaku-own`,
  '/api/v1/namespaces/hikyaku/serviceaccounts/hikyaku',
  '/api/v1/namespaces/hikyaku',
];

export function tokensOf(account: string): string {
  return `/api/v1/namespaces/hikyaku/serviceaccounts/${account}/token`;
}

export function tokenRequest(spec: object): object {
  return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
}

/** The token that a Pod of the agent has. */
export async function podToken({ admin }: Scene, name: string): Promise<string> {
  const container = {
    name: 'agent',
    image: 'none',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  const spec = { serviceAccountName: 'hikyaku', securityContext, containers: [container] };
  succeeded(await admin('POST', '/api/v1/namespaces/hikyaku/pods', { metadata: { name }, spec }));
  return await mintToken(admin, 'hikyaku', 'hikyaku', { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name } });
}

/** An administrator lets the account of the agent do more in the namespace web. */
export async function giveRole({ admin }: Scene, name: string, rules: readonly object[]): Promise<void> {
  const path = `${RBAC}/namespaces/web`;
  succeeded(await admin('POST', `${path}/roles`, { metadata: { name }, rules }));
  const binding = {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name: 'hikyaku', namespace: 'hikyaku' }],
  };
  succeeded(await admin('POST', `${path}/rolebindings`, binding));
}

/** The agent's own; everybody else is refused too, which whoever takes the grants away should know, but for what is not the agent's and for deleting. */
async function withoutObject({ admin, agent, kind }: Scene, probe: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
  const { data } = Object(succeeded(await admin('GET', GRANTS)));
  for (const label of ['agent', 'merge'])
    await createSecret(admin, `web/left-${label}`, {}, { labels: { [`hikyaku.dev/${label}`]: 'hikyaku' } });
  succeeded(await admin('DELETE', GRANTS));
  const becomes = (status: number) => eventually(async () => (await probe()).status === status);
  await becomes(422);
  const answer = await probe();
  const post = (labels: object) =>
    admin('POST', `${SECRETS}?dryRun=All`, { metadata: { name: 'of-a-person', labels } });
  for (const labels of [{ 'hikyaku.dev/agent': 'hikyaku' }, { 'hikyaku.dev/merge': 'hikyaku' }]) {
    const labelled = await post(labels);
    if (!labelled.text.includes(NO_PARAMETERS)) throw new Error(labelled.text);
  }
  succeeded(await post({}));
  for (const label of ['agent', 'merge']) succeeded(await admin('DELETE', `${SECRETS}/left-${label}`));
  if (kind === 'named')
    succeeded(await admin('PATCH', `${DEPLOYMENTS}/app?dryRun=All`, { spec: { paused: true } }, MERGE_PATCH));
  const unlabelled = await agent('POST', `${SECRETS}?dryRun=All`, { metadata: { name: 'of-nobody' } });
  if (wordOf(unlabelled) !== 'policy own-label: label') throw new Error(unlabelled.text);
  succeeded(await admin('POST', CONFIG_MAPS, { metadata: { name: 'hikyaku-grants' }, data }));
  await becomes(201);
  return answer;
}

async function inTurn<Item>(
  items: readonly Item[],
  act: (item: Item) => Promise<ApiAnswer>,
): Promise<readonly ApiAnswer[]> {
  const answers: ApiAnswer[] = [];
  for (const item of items) answers.push(await act(item));
  return answers;
}

/** A refusal by RBAC or by a policy, and nothing that only went wrong. */
export function isRefusal(answer: ApiAnswer): boolean {
  const isOther = /no params found for policy binding|: type: .* field is immutable/.test(
    String(field(answer.body, 'message')),
  );
  return answer.status === 403 || answer.status === 409 || wordOf(answer).startsWith('policy ') || isOther;
}
