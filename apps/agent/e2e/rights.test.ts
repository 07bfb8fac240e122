import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Api,
  type ApiAnswer,
  type Cluster,
  field,
  mintToken,
  startCluster,
  succeeded,
  applyYaml,
  eventually,
  expectExit,
  hikyaku,
  installRights,
  parseManifests,
  readInstallFile,
} from '@hikyaku/testbed';

// Names of their own per run: the server may be one that a person brought, and used before.
const run = randomBytes(3).toString('hex');
const web = `web-${run}`;
const dopplerToken = `doppler-token-${run}`;
const labelledByPerson = `labelled-by-person-${run}`;
const pod = `agent-${run}`;
const lease = '/apis/coordination.k8s.io/v1/namespaces/hikyaku/leases/hikyaku';
const secrets = `/api/v1/namespaces/${web}/secrets`;
const ownSecrets = '/api/v1/namespaces/hikyaku/secrets';
const systemSecrets = '/api/v1/namespaces/kube-system/secrets';
const ownConfigMaps = '/api/v1/namespaces/hikyaku/configmaps';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const admission = '/apis/admissionregistration.k8s.io/v1';
const policies = ['hikyaku-own', 'hikyaku-own-label', 'hikyaku-own-objects', 'hikyaku-own-tokens'];
const absentUid = '00000000-0000-4000-8000-000000000000';

const longValues = Array.from({ length: 10 }, () => randomBytes(60).toString('hex'));
const [
  first = '',
  second = '',
  third = '',
  fourth = '',
  fifth = '',
  sixth = '',
  seventh = '',
  eighth = '',
  ninth = '',
] = longValues;
const tenth = longValues[9] ?? '';

interface SecretOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** More metadata: uid, finalizers … */
  readonly metadata?: object;
  readonly type?: string;
  readonly values?: Readonly<Record<string, string>>;
  readonly immutable?: unknown;
}

/** A Secret without the agent's label, as anybody writes one. */
function foreign(
  name: string,
  {
    labels = {},
    annotations = {},
    metadata = {},
    type = 'Opaque',
    values = { key: 'value' },
    ...rest
  }: SecretOptions = {},
) {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels, annotations, ...metadata },
    type,
    data,
    ...rest,
  };
}

/** A Secret as the agent writes it. */
function ours(name: string, options: SecretOptions = {}) {
  return foreign(name, { ...options, labels: { 'hikyaku.dev/agent': 'hikyaku', ...options.labels } });
}

/** What the agent may merge into, and what looks like it. */
const mergeLabels = {
  shared: { 'hikyaku.dev/merge': 'hikyaku' },
  'shared-by-two': { 'hikyaku.dev/merge': 'other.hikyaku' },
  'shared-with-other': { 'hikyaku.dev/merge': 'other' },
  'shared-with-namesake': { 'hikyaku.dev/merge': 'hikyaku-2.not-hikyaku' },
  'shared-and-others': { 'hikyaku.dev/merge': 'hikyaku', 'hikyaku.dev/agent': 'other' },
  'shared-and-ours': { 'hikyaku.dev/merge': 'hikyaku', 'hikyaku.dev/agent': 'hikyaku' },
};
const sharedByPerson = `hikyaku-shared-by-person-${run}`;

const OF_ANOTHER = { labels: { 'hikyaku.dev/agent': 'other' } };
const HELD = { metadata: { finalizers: ['example.com/thief'] } };

/** Of a kind that the garbage collector does not know. */
const chart = { apiVersion: 'example.com/v1', kind: 'Chart', name: 'web', uid: absentUid };

/** Somebody else's Secret whose owner lets the agent merge into it: of a type, with a label and an annotation that nobody grants. */
function shared(name: string, { labels = {}, ...more }: SecretOptions = {}) {
  return foreign(name, {
    type: 'example.com/chart',
    labels: { 'hikyaku.dev/merge': 'hikyaku', 'app.kubernetes.io/managed-by': 'Helm', team: 'web', ...labels },
    annotations: { 'meta.helm.sh/release-name': 'web' },
    values: { password: ninth, token: tenth },
    ...more,
    metadata: { ownerReferences: [chart], finalizers: ['example.com/b', 'example.com/a'], ...more.metadata },
  });
}

function tokenRequest(spec: object = {}) {
  return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
}

const mergePatch = { 'content-type': 'application/merge-patch+json' };
const jsonPatch = { 'content-type': 'application/json-patch+json' };
const strategicPatch = { 'content-type': 'application/strategic-merge-patch+json' };
const applyPatch = { 'content-type': 'application/apply-patch+yaml' };

let cluster: Cluster;
let admin: Api;
let agent: Api;
let scene: Scene;

interface Scene {
  readonly victimUid: string;
  readonly ownUid: string;
  /** A token of the agent that is bound to its Pod, as the kubelet gives it. */
  readonly podToken: string;
  /** What the token controller put into a foreign Secret. */
  readonly accountToken: string;
  readonly leaseVersion: unknown;
}

beforeAll(async () => {
  cluster = await startCluster();
  admin = cluster.admin;
  agent = await installRights(cluster);
  scene = await setScene();
});

afterAll(async () => {
  await cluster?.stop();
});

/** Other people's Secrets, one Secret of the agent and the agent's Pod. */
async function setScene(): Promise<Scene> {
  await create('/api/v1/namespaces', { metadata: { name: web } });
  await eventually(
    async () => (await admin('GET', `/api/v1/namespaces/${web}/serviceaccounts/default`)).status === 200,
  );
  const victim = await create(secrets, foreign('victim', { values: { password: first, url: second } }));
  await create(secrets, foreign('immutable-victim', { values: { password: third }, immutable: true }));
  await create(
    secrets,
    foreign('other-agent', { labels: { 'hikyaku.dev/agent': 'other' }, values: { password: fourth } }),
  );
  await create(
    systemSecrets,
    foreign(labelledByPerson, { labels: { 'hikyaku.dev/agent': 'hikyaku' }, values: { password: fifth } }),
  );
  await create(ownSecrets, foreign(dopplerToken, { values: { token: sixth } }));
  await create(
    ownSecrets,
    foreign(labelledByPerson, { labels: { 'hikyaku.dev/agent': 'hikyaku' }, values: { token: seventh } }),
  );
  await create(
    secrets,
    foreign('account-token', {
      type: 'kubernetes.io/service-account-token',
      annotations: { 'kubernetes.io/service-account.name': 'default' },
      values: {},
    }),
  );
  for (const [name, labels] of Object.entries(mergeLabels)) await create(secrets, shared(name, { labels }));
  for (const path of [systemSecrets, ownSecrets]) await create(path, shared(sharedByPerson));
  const accountToken = async () => field((await admin('GET', `${secrets}/account-token`)).body, 'data', 'token');
  await eventually(async () => (await accountToken()) !== undefined);
  const own = succeeded(await agent('POST', secrets, ours('own', { values: { password: eighth } })));
  await create('/api/v1/namespaces/hikyaku/pods', {
    metadata: { name: pod },
    spec: {
      serviceAccountName: 'hikyaku',
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'agent',
          image: 'none',
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  });
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod };
  return {
    victimUid: String(field(victim, 'metadata', 'uid')),
    ownUid: String(field(own, 'metadata', 'uid')),
    podToken: await mintToken(admin, 'hikyaku', 'hikyaku', { boundObjectRef }),
    accountToken: Buffer.from(String(await accountToken()), 'base64').toString(),
    leaseVersion: versionOf(succeeded(await admin('GET', lease))),
  };
}

async function create(path: string, body: object): Promise<unknown> {
  return succeeded(await admin('POST', path, body));
}

/** Everything the attacks are after, as `list namespace/name` → resourceVersion. */
async function stateOfEverything(): Promise<Record<string, unknown>> {
  const lists = [
    secrets,
    ownSecrets,
    ...['kube-system', 'kube-public', 'kube-node-lease'].map((namespace) => `/api/v1/namespaces/${namespace}/secrets`),
    ownConfigMaps,
    `/api/v1/namespaces/${web}/configmaps`,
    '/api/v1/namespaces/hikyaku/pods',
    '/api/v1/namespaces/hikyaku/serviceaccounts',
    '/apis/coordination.k8s.io/v1/namespaces/hikyaku/leases',
    ...[web, 'hikyaku', 'thief'].map((name) => `/api/v1/namespaces?fieldSelector=metadata.name%3D${name}`),
    `${rbac}/clusterroles`,
    `${rbac}/clusterrolebindings`,
    `${rbac}/roles`,
    `${rbac}/rolebindings`,
    `${admission}/validatingadmissionpolicybindings`,
  ];
  const state: Record<string, unknown> = {};
  for (const path of lists) {
    const items = field(succeeded(await admin('GET', path)), 'items');
    for (const item of Array.isArray(items) ? items : []) {
      state[`${path} ${String(field(item, 'metadata', 'namespace'))}/${String(field(item, 'metadata', 'name'))}`] =
        versionOf(item);
    }
  }
  // The status of a policy is written by a controller, now and then.
  for (const name of policies) {
    state[name] = field(
      succeeded(await admin('GET', `${admission}/validatingadmissionpolicies/${name}`)),
      'metadata',
      'generation',
    );
  }
  return state;
}

/** The secret data that an answer shows, in whatever coding: nothing, one hopes. */
function leaksOf(text: string): string[] {
  return [...longValues, scene.accountToken].filter((value) => {
    const bytes = Buffer.from(value);
    return [value, bytes.toString('base64'), bytes.toString('hex')].some((form) => text.includes(form.slice(0, 20)));
  });
}

/** A status, or the code of one of our policies, which answer 422. */
type Refusal = 400 | 403 | 404 | 405 | 409 | 415 | 422 | `${string}:`;
type Attack = readonly [title: string, refusal: Refusal, request: (scene: Scene) => Parameters<Api>];

/** The code with which one of our policies refused, else the status. */
function refusalOf({ status, body }: ApiAnswer): number | string {
  const code = /denied request: hikyaku: ([^:]+:) /.exec(String(field(body, 'message')))?.[1];
  return status === 422 && field(body, 'reason') === 'Invalid' && code !== undefined ? code : status;
}

const reading: readonly Attack[] = [
  ['get of a foreign Secret', 403, () => ['GET', `${secrets}/victim`]],
  ['get of what it wrote itself', 403, () => ['GET', `${secrets}/own`]],
  ['get of a Secret that does not exist', 403, () => ['GET', `${secrets}/absent`]],
  ['list of a namespace', 403, () => ['GET', secrets]],
  ['list by name', 403, () => ['GET', `${secrets}?fieldSelector=metadata.name%3Dvictim`]],
  ['list by its own label', 403, () => ['GET', `${secrets}?labelSelector=hikyaku.dev%2Fagent%3Dhikyaku`]],
  ['list of all namespaces', 403, () => ['GET', '/api/v1/secrets']],
  [
    'list as a table',
    403,
    () => ['GET', secrets, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }],
  ],
  ['list of its own namespace', 403, () => ['GET', ownSecrets]],
  ['watch of all namespaces', 403, () => ['GET', '/api/v1/secrets?watch=1']],
  ['watch of a namespace', 403, () => ['GET', `${secrets}?watch=1`]],
  ['watch by name', 403, () => ['GET', `${secrets}?watch=1&fieldSelector=metadata.name%3Dvictim`]],
  ['watch by the old path', 403, () => ['GET', `/api/v1/watch/namespaces/${web}/secrets/victim`]],
  ['a subresource of a Secret', 403, () => ['GET', `${secrets}/victim/status`]],
  ['a ConfigMap of somebody else', 403, () => ['GET', `/api/v1/namespaces/${web}/configmaps/kube-root-ca.crt`]],
  ['a ConfigMap of its own namespace that is not its own', 403, () => ['GET', `${ownConfigMaps}/kube-root-ca.crt`]],
  ['list of the ConfigMaps of its own namespace', 403, () => ['GET', ownConfigMaps]],
  ['its own policy', 403, () => ['GET', `${admission}/validatingadmissionpolicies/hikyaku-own`]],
  ['the metrics of the API server', 403, () => ['GET', '/metrics']],
];

const patching: readonly Attack[] = ['victim', 'own'].flatMap((name): readonly Attack[] => {
  const path = `${secrets}/${name}`;
  const patches: readonly (readonly [string, unknown, Readonly<Record<string, string>>, string?])[] = [
    ['an empty merge patch', {}, mergePatch],
    ['an empty merge patch as a dry run', {}, mergePatch, '?dryRun=All'],
    ['a malformed merge patch', { immutable: 'x' }, mergePatch],
    ['an empty JSON patch', [], jsonPatch],
    ['a JSON patch that copies', [{ op: 'copy', from: '/data/password', path: '/metadata/labels/copied' }], jsonPatch],
    ['a JSON patch that tests', [{ op: 'test', path: '/data/password', value: 'guess' }], jsonPatch],
    ['an empty strategic merge patch', {}, strategicPatch],
    ['a malformed strategic merge patch', { immutable: 'x' }, strategicPatch],
    ['a forced server-side apply', ours(name), applyPatch, '?fieldManager=x&force=true'],
    ['a server-side apply as a dry run', ours(name), applyPatch, '?fieldManager=x&force=true&dryRun=All'],
  ];
  return patches.map(([title, body, headers, query = '']): Attack => [
    `${title} of ${name}`,
    403,
    () => ['PATCH', path + query, body, headers],
  ]);
});

const takingOver: readonly Attack[] = [
  [
    'creation by server-side apply',
    403,
    () => ['PATCH', `${secrets}/thief?fieldManager=x&force=true`, ours('thief'), applyPatch],
  ],
  ['POST over a foreign Secret', 409, () => ['POST', secrets, ours('victim')]],
  ['POST over a foreign Secret, as a dry run', 409, () => ['POST', `${secrets}?dryRun=All`, ours('victim')]],
  ['PUT over a foreign Secret', 'not ours:', () => ['PUT', `${secrets}/victim`, ours('victim')]],
  ['PUT as a dry run', 'not ours:', () => ['PUT', `${secrets}/victim?dryRun=All`, ours('victim')]],
  [
    'PUT as YAML',
    'not ours:',
    () => ['PUT', `${secrets}/victim`, JSON.stringify(ours('victim')), { 'content-type': 'application/yaml' }],
  ],
  ['PUT without the label', 'not ours:', () => ['PUT', `${secrets}/victim`, foreign('victim')]],
  ['PUT without data', 'not ours:', () => ['PUT', `${secrets}/victim`, ours('victim', { values: {} })]],
  [
    'PUT with the uid',
    'not ours:',
    ({ victimUid }) => ['PUT', `${secrets}/victim`, ours('victim', { metadata: { uid: victimUid } })],
  ],
  [
    'PUT with another uid',
    409,
    ({ ownUid }) => ['PUT', `${secrets}/victim`, ours('victim', { metadata: { uid: ownUid } })],
  ],
  [
    'PUT with an old resourceVersion',
    409,
    () => ['PUT', `${secrets}/victim`, ours('victim', { metadata: { resourceVersion: '1' } })],
  ],
  [
    'PUT with another type',
    422,
    () => ['PUT', `${secrets}/victim`, ours('victim', { type: 'kubernetes.io/basic-auth', values: { username: 'x' } })],
  ],
  ['PUT with a wrongly typed field', 400, () => ['PUT', `${secrets}/victim`, ours('victim', { immutable: 'x' })]],
  [
    'PUT with data that is no base64',
    400,
    () => ['PUT', `${secrets}/victim`, { ...ours('victim'), data: { password: '!' } }],
  ],
  [
    'PUT with wrongly typed stringData',
    400,
    () => ['PUT', `${secrets}/victim`, { ...ours('victim'), stringData: { password: 1 } }],
  ],
  [
    'PUT with an unknown field',
    400,
    () => ['PUT', `${secrets}/victim?fieldValidation=Strict`, { ...ours('victim'), unknown: 1 }],
  ],
  ['PUT under another name', 400, () => ['PUT', `${secrets}/victim`, ours('own')]],
  [
    'PUT into another namespace',
    400,
    () => ['PUT', `${secrets}/victim`, ours('victim', { metadata: { namespace: 'hikyaku' } })],
  ],
  ['PUT of a subresource', 403, () => ['PUT', `${secrets}/victim/status`, ours('victim')]],
  [
    'PUT that makes a foreign Secret immutable',
    'not ours:',
    () => ['PUT', `${secrets}/victim`, ours('victim', { immutable: true })],
  ],
  [
    'PUT over an immutable Secret',
    422,
    () => ['PUT', `${secrets}/immutable-victim`, ours('immutable-victim', { immutable: true })],
  ],
  [
    'PUT that makes an immutable Secret mutable',
    422,
    () => ['PUT', `${secrets}/immutable-victim`, ours('immutable-victim')],
  ],
  ['PUT over the Secret of another agent', 'not ours:', () => ['PUT', `${secrets}/other-agent`, ours('other-agent')]],
  ['PUT over a token Secret', 422, () => ['PUT', `${secrets}/account-token`, ours('account-token')]],
  [
    "PUT over a person's Secret in its own namespace",
    'not ours:',
    () => ['PUT', `${ownSecrets}/${dopplerToken}`, ours(dopplerToken)],
  ],
  ['DELETE', 'not ours:', () => ['DELETE', `${secrets}/victim`]],
  ['DELETE as a dry run', 'not ours:', () => ['DELETE', `${secrets}/victim?dryRun=All`]],
  [
    'DELETE with the uid',
    'not ours:',
    ({ victimUid }) => ['DELETE', `${secrets}/victim`, { preconditions: { uid: victimUid } }],
  ],
  ['DELETE with another uid', 409, ({ ownUid }) => ['DELETE', `${secrets}/victim`, { preconditions: { uid: ownUid } }]],
  [
    'DELETE in the foreground',
    'not ours:',
    () => ['DELETE', `${secrets}/victim?propagationPolicy=Foreground&dryRun=All`],
  ],
  ['DELETE of an immutable Secret', 'not ours:', () => ['DELETE', `${secrets}/immutable-victim`]],
  ['DELETE of the Secret of another agent', 'not ours:', () => ['DELETE', `${secrets}/other-agent`]],
  ["DELETE of a person's Secret in its own namespace", 'not ours:', () => ['DELETE', `${ownSecrets}/${dopplerToken}`]],
  ['deletecollection', 403, () => ['DELETE', secrets]],
  [
    'deletecollection by its own label',
    403,
    () => ['DELETE', `${secrets}?labelSelector=hikyaku.dev%2Fagent%3Dhikyaku`],
  ],
  // The answer to a deletion that waits for a finalizer is the whole Secret.
  ['DELETE of its own in the foreground', 'deletion:', () => ['DELETE', `${secrets}/own?propagationPolicy=Foreground`]],
  [
    'DELETE of its own in the foreground, as a dry run',
    'deletion:',
    () => ['DELETE', `${secrets}/own?propagationPolicy=Foreground&dryRun=All`],
  ],
  [
    'DELETE of its own that orphans, in the body',
    'deletion:',
    () => ['DELETE', `${secrets}/own`, { propagationPolicy: 'Orphan', dryRun: ['All'] }],
  ],
  [
    'DELETE of its own that orphans the old way',
    'deletion:',
    () => ['DELETE', `${secrets}/own?orphanDependents=true&dryRun=All`],
  ],
];

const accountToken = {
  type: 'kubernetes.io/service-account-token',
  annotations: { 'kubernetes.io/service-account.name': 'default' },
  values: {},
} as const;

const forbiddenContent: readonly Attack[] = [
  ['a token Secret of another account', 'type:', () => ['POST', secrets, ours('thief', accountToken)]],
  ['a token Secret as a dry run', 'type:', () => ['POST', `${secrets}?dryRun=All`, ours('thief', accountToken)]],
  ['a token Secret in its own namespace', 'type:', () => ['POST', ownSecrets, ours('hikyaku-thief', accountToken)]],
  ['its own Secret turned into a token Secret', 422, () => ['PUT', `${secrets}/own`, ours('own', accountToken)]],
  [
    'the annotation of a token Secret',
    'annotations:',
    () => ['POST', secrets, ours('thief', { annotations: accountToken.annotations })],
  ],
  [
    'a bootstrap token',
    'namespace:',
    () => ['POST', systemSecrets, ours('bootstrap-token-abcdef', { type: 'bootstrap.kubernetes.io/token' })],
  ],
  [
    'a bootstrap token elsewhere',
    'type:',
    () => ['POST', secrets, ours('bootstrap-token-abcdef', { type: 'bootstrap.kubernetes.io/token' })],
  ],
  [
    'a Helm release',
    'type:',
    () => ['POST', secrets, ours('sh.helm.release.v1.web.v9', { type: 'helm.sh/release.v1' })],
  ],
  ['an unknown type', 'type:', () => ['POST', secrets, ours('thief', { type: 'example.com/unknown' })]],
  [
    'a type that is the whole list',
    'type:',
    () => ['POST', secrets, ours('thief', { type: 'Opaque, kubernetes.io/tls' })],
  ],
  ['a granted type with a space', 'type:', () => ['POST', secrets, ours('thief', { type: ' Opaque' })]],

  ['no label', 'label:', () => ['POST', secrets, foreign('thief')]],
  [
    "another agent's label",
    'label:',
    () => ['POST', secrets, ours('thief', { labels: { 'hikyaku.dev/agent': 'other' } })],
  ],
  [
    'the label as an annotation',
    'label:',
    () => ['POST', secrets, foreign('thief', { annotations: { 'hikyaku.dev/agent': 'hikyaku' } })],
  ],
  ['no metadata but the name', 'label:', () => ['POST', secrets, { metadata: { name: 'thief' }, data: {} }]],
  ['its own Secret without the label', 'label:', () => ['PUT', `${secrets}/own`, foreign('own')]],
  [
    "its own Secret with another agent's label",
    'label:',
    () => ['PUT', `${secrets}/own`, ours('own', { labels: { 'hikyaku.dev/agent': 'other' } })],
  ],

  [
    'an owner',
    'owners:',
    ({ victimUid }) => ['POST', secrets, ours('thief', { metadata: { ownerReferences: [owner(victimUid)] } })],
  ],
  [
    'an owner of its own Secret',
    'owners:',
    ({ victimUid }) => ['PUT', `${secrets}/own`, ours('own', { metadata: { ownerReferences: [owner(victimUid)] } })],
  ],
  [
    'a finalizer',
    'owners:',
    () => ['POST', secrets, ours('thief', { metadata: { finalizers: ['example.com/thief'] } })],
  ],
  [
    'a finalizer on its own Secret',
    'owners:',
    () => ['PUT', `${secrets}/own`, ours('own', { metadata: { finalizers: ['example.com/thief'] } })],
  ],

  ...['kube-system', 'kube-public', 'kube-node-lease'].map((namespace): Attack => [
    `a Secret in ${namespace}`,
    'namespace:',
    () => ['POST', `/api/v1/namespaces/${namespace}/secrets`, ours('thief')],
  ]),
  [
    'PUT of a labelled Secret in kube-system',
    'namespace:',
    () => ['PUT', `${systemSecrets}/${labelledByPerson}`, ours(labelledByPerson)],
  ],

  ['any name in its own namespace', 'own namespace:', () => ['POST', ownSecrets, ours('thief')]],
  [
    'any name there, with what nobody grants',
    'own namespace:',
    () => ['POST', ownSecrets, ours('thief', { ...accountToken, labels: { thief: '' } })],
  ],
  [
    'PUT of a labelled Secret there',
    'own namespace:',
    () => ['PUT', `${ownSecrets}/${labelledByPerson}`, ours(labelledByPerson)],
  ],
  ['DELETE of a labelled Secret there', 'own namespace:', () => ['DELETE', `${ownSecrets}/${labelledByPerson}`]],
  [
    'a granted label there',
    'labels:',
    () => ['POST', ownSecrets, ours('hikyaku-thief', { labels: { 'app.kubernetes.io/name': 'x' } })],
  ],
  [
    'a name that the server makes',
    'generateName:',
    () => ['POST', secrets, ours('', { metadata: { name: undefined, generateName: 'thief-' } })],
  ],
  [
    'a name and generateName',
    'generateName:',
    () => ['POST', secrets, ours('thief', { metadata: { generateName: 'thief-' } })],
  ],
  ['a list of Secrets', 400, () => ['POST', secrets, { apiVersion: 'v1', kind: 'SecretList', items: [ours('thief')] }]],
  ['a Secret of no namespace', 405, () => ['POST', '/api/v1/secrets', ours('thief')]],

  ...Object.entries({
    'sealedsecrets.bitnami.com/sealed-secrets-key': 'active',
    'argocd.argoproj.io/secret-type': 'cluster',
    grafana_datasource: '1',
    'cnpg.io/reload': 'true',
    owner: 'helm',
    'hikyaku.dev/merge': 'hikyaku',
    'hikyaku.dev/anything': '',
    'app.kubernetes.io.example.com/x': '',
  }).map(([key, value]): Attack => [
    `the label ${key}`,
    'labels:',
    () => ['POST', secrets, ours('thief', { labels: { [key]: value } })],
  ]),
  [
    'a trusted label on its own Secret',
    'labels:',
    () => ['PUT', `${secrets}/own`, ours('own', { labels: { 'argocd.argoproj.io/secret-type': 'cluster' } })],
  ],
  ...Object.entries({
    'meta.helm.sh/release-name': 'web',
    'cert-manager.io/certificate-name': 'web',
    'replicator.v1.mittwald.de/replicate-from': `${web}/victim`,
    'reflector.v1.k8s.emberstack.com/reflects': `${web}/victim`,
    'kubectl.kubernetes.io/last-applied-configuration': '{}',
    'hikyaku.dev/merge': 'hikyaku',
  }).map(([key, value]): Attack => [
    `the annotation ${key}`,
    'annotations:',
    () => ['POST', secrets, ours('thief', { annotations: { [key]: value } })],
  ]),
  [
    'to be managed by Helm',
    'values:',
    () => ['POST', secrets, ours('thief', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } })],
  ],
  [
    'to be pruned by Flux',
    'values:',
    () => ['POST', secrets, ours('thief', { annotations: { 'kustomize.toolkit.fluxcd.io/prune': 'enabled' } })],
  ],
];

/** A PUT over the Secret `shared` with everything as it is but this. */
function putShared(more: SecretOptions, name = 'shared'): Parameters<Api> {
  return ['PUT', `${secrets}/${name}`, shared(name, more)];
}

const merging: readonly Attack[] = [
  ['get without the Role', 403, () => ['GET', `${secrets}/shared`]],
  ['watch without the Role', 403, () => ['GET', `${secrets}?watch=1&fieldSelector=metadata.name%3Dshared`]],
  ['an empty merge patch', 403, () => ['PATCH', `${secrets}/shared`, {}, mergePatch]],
  [
    'a server-side apply of one key',
    403,
    () => ['PATCH', `${secrets}/shared?fieldManager=x`, { ...shared('shared'), data: {} }, applyPatch],
  ],
  ['creation with the label', 'label:', () => ['POST', secrets, shared('thief')]],
  [
    'creation with both labels',
    'type:',
    () => ['POST', secrets, shared('thief', { labels: { 'hikyaku.dev/agent': 'hikyaku' } })],
  ],
  ['DELETE', 'not ours:', () => ['DELETE', `${secrets}/shared`]],
  ['DELETE as a dry run', 'not ours:', () => ['DELETE', `${secrets}/shared?dryRun=All`]],
  ['another type', 422, () => putShared({ type: 'Opaque' })],
  [
    'the ordinary way of the agent',
    'merge:',
    () => ['PUT', `${secrets}/shared`, ours('shared', { type: 'example.com/chart' })],
  ],
  ["the agent's own label", 'merge:', () => putShared({ labels: { 'hikyaku.dev/agent': 'hikyaku' } })],
  ['a granted label', 'merge:', () => putShared({ labels: { 'app.kubernetes.io/name': 'web' } })],
  ['another value of a label', 'merge:', () => putShared({ labels: { team: 'thief' } })],
  ['the label for another agent', 'merge:', () => putShared({ labels: { 'hikyaku.dev/merge': 'hikyaku.other' } })],
  ['no labels', 'merge:', () => ['PUT', `${secrets}/shared`, { ...shared('shared'), metadata: { name: 'shared' } }]],
  [
    'an annotation more',
    'merge:',
    () => putShared({ annotations: { 'meta.helm.sh/release-name': 'web', 'hikyaku.dev/sources': 'homelab' } }),
  ],
  ['another value of an annotation', 'merge:', () => putShared({ annotations: { 'meta.helm.sh/release-name': 'x' } })],
  ['no annotations', 'merge:', () => putShared({ annotations: {} })],
  ['a finalizer more', 'merge:', () => putFinalizers('example.com/b', 'example.com/a', 'example.com/thief')],
  ['a finalizer less', 'merge:', () => putFinalizers('example.com/b')],
  ['another finalizer', 'merge:', () => putFinalizers('example.com/b', 'example.com/thief')],
  ['no finalizers', 'merge:', () => putFinalizers()],
  ['no owner', 'merge:', () => putShared({ metadata: { ownerReferences: [] } })],
  ['another owner', 'merge:', ({ victimUid }) => putShared({ metadata: { ownerReferences: [owner(victimUid)] } })],
  [
    'an owner more',
    'merge:',
    ({ victimUid }) => putShared({ metadata: { ownerReferences: [chart, owner(victimUid)] } }),
  ],
  [
    'an owner that controls',
    'merge:',
    () => putShared({ metadata: { ownerReferences: [{ ...chart, controller: true }] } }),
  ],
  ['making it immutable', 'merge:', () => putShared({ immutable: true })],
  [
    'the right key, of another agent',
    'not ours:',
    () => putShared({ labels: mergeLabels['shared-with-other'] }, 'shared-with-other'),
  ],
  [
    'ids that only begin or end like ours',
    'not ours:',
    () => putShared({ labels: mergeLabels['shared-with-namesake'] }, 'shared-with-namesake'),
  ],
  [
    'the whole Secret of another agent',
    'not ours:',
    () => putShared({ labels: mergeLabels['shared-and-others'] }, 'shared-and-others'),
  ],
  // As a whole it is ours: the ordinary rules hold.
  [
    'both labels, with what nobody grants',
    'type:',
    () => putShared({ labels: mergeLabels['shared-and-ours'] }, 'shared-and-ours'),
  ],
  ['a reserved namespace', 'namespace:', () => ['PUT', `${systemSecrets}/${sharedByPerson}`, shared(sharedByPerson)]],
  ['its own namespace', 'not ours:', () => ['PUT', `${ownSecrets}/${sharedByPerson}`, shared(sharedByPerson)]],
  ['DELETE there', 'not ours:', () => ['DELETE', `${ownSecrets}/${sharedByPerson}`]],
];

const NO_PARAMETERS = 'no params found for policy binding';

/** While nothing is granted. What is refused for want of the grants would be one with them, or is refused by what reads them. */
const ungranted: readonly (readonly [string, Refusal | typeof NO_PARAMETERS, Attack[2]])[] = [
  ['creation', NO_PARAMETERS, () => ['POST', secrets, ours('thief')]],
  ['creation as a dry run', NO_PARAMETERS, () => dryPost('thief')],
  ['creation in its own namespace', NO_PARAMETERS, () => ['POST', ownSecrets, ours('hikyaku-thief')]],
  ['creation in a namespace of the system', NO_PARAMETERS, () => ['POST', systemSecrets, ours('thief')]],
  ['creation of a token Secret', NO_PARAMETERS, () => ['POST', secrets, ours('thief', accountToken)]],
  [
    'creation with both labels',
    NO_PARAMETERS,
    () => ['POST', secrets, ours('thief', { labels: { 'hikyaku.dev/merge': 'hikyaku' } })],
  ],
  ['creation without a label', 'label:', () => ['POST', secrets, foreign('thief')]],
  ["creation with another agent's label", 'label:', () => ['POST', secrets, foreign('thief', OF_ANOTHER)]],
  ['creation with the label for merging alone', 'label:', () => ['POST', secrets, shared('thief')]],
  ['a change of its own', NO_PARAMETERS, () => ['PUT', `${secrets}/own`, ours('own')]],
  ['a finalizer on its own', NO_PARAMETERS, () => ['PUT', `${secrets}/own`, ours('own', HELD)]],
  [
    'a trusted label on its own',
    NO_PARAMETERS,
    () => ['PUT', `${secrets}/own`, ours('own', { labels: { 'argocd.argoproj.io/secret-type': 'cluster' } })],
  ],
  ['another type of its own', 422, () => ['PUT', `${secrets}/own`, ours('own', accountToken)]],
  ['its own without the label', 'label:', () => ['PUT', `${secrets}/own`, foreign('own')]],
  ["its own with another agent's label", 'label:', () => ['PUT', `${secrets}/own`, foreign('own', OF_ANOTHER)]],
  ['a change of a foreign Secret', 'not ours:', () => ['PUT', `${secrets}/victim`, ours('victim')]],
  ['other data of what it merges into', NO_PARAMETERS, () => putShared({ values: {} })],
  ['another label of it', NO_PARAMETERS, () => putShared({ labels: { team: 'thief' } })],
  [
    'no label on it',
    NO_PARAMETERS,
    () => ['PUT', `${secrets}/shared`, foreign('shared', { type: 'example.com/chart' })],
  ],
  ['DELETE of it', 'not ours:', () => ['DELETE', `${secrets}/shared`]],
  ['DELETE of a foreign Secret', 'not ours:', () => ['DELETE', `${secrets}/victim`]],
  ['the same as a dry run', 'not ours:', () => ['DELETE', `${secrets}/victim?dryRun=All`]],
  ['DELETE of an immutable one', 'not ours:', () => ['DELETE', `${secrets}/immutable-victim`]],
  ['DELETE of the Secret of another agent', 'not ours:', () => ['DELETE', `${secrets}/other-agent`]],
  ["DELETE of a person's in its own namespace", 'not ours:', () => ['DELETE', `${ownSecrets}/${dopplerToken}`]],
  ['DELETE of a labelled one there', 'own namespace:', () => ['DELETE', `${ownSecrets}/${labelledByPerson}`]],
  ['DELETE of its own in the foreground', 'deletion:', () => ['DELETE', `${secrets}/own?propagationPolicy=Foreground`]],
  [
    'the same as a dry run',
    'deletion:',
    () => ['DELETE', `${secrets}/own`, { propagationPolicy: 'Foreground', dryRun: ['All'] }],
  ],
  ['DELETE of its own that orphans', 'deletion:', () => ['DELETE', `${secrets}/own?propagationPolicy=Orphan`]],
  ['DELETE of its own that orphans the old way', 'deletion:', () => ['DELETE', `${secrets}/own?orphanDependents=true`]],
  ['DELETE of its own that waits for a finalizer', 'deletion:', () => ['DELETE', `${secrets}/shared-and-ours`]],
  ['deletecollection', 403, () => ['DELETE', secrets]],
  ['an empty patch of its own', 403, () => ['PATCH', `${secrets}/own`, {}, mergePatch]],
];

function putFinalizers(...finalizers: readonly string[]): Parameters<Api> {
  return putShared({ metadata: { finalizers } });
}

function owner(uid: string): object {
  return { apiVersion: 'v1', kind: 'Secret', name: 'victim', uid };
}

function tokens(namespace: string, account: string): string {
  return `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
}

const clusterAdmin = { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' } };
const rightsObjects = [
  `${ownConfigMaps}/hikyaku-grants`,
  `${ownConfigMaps}/hikyaku-config`,
  `${admission}/validatingadmissionpolicies/hikyaku-own`,
  `${admission}/validatingadmissionpolicies/hikyaku-own-label`,
  `${admission}/validatingadmissionpolicies/hikyaku-own-objects`,
  `${admission}/validatingadmissionpolicies/hikyaku-own-tokens`,
  `${admission}/validatingadmissionpolicybindings/hikyaku-own`,
  `${rbac}/clusterroles/hikyaku-own`,
  `${rbac}/clusterrolebindings/hikyaku-own`,
  `${rbac}/namespaces/hikyaku/roles/hikyaku-own`,
  `${rbac}/namespaces/hikyaku/rolebindings/hikyaku-own`,
  '/api/v1/namespaces/hikyaku/serviceaccounts/hikyaku',
  '/api/v1/namespaces/hikyaku',
];

const gainingRights: readonly Attack[] = [
  ['a token of another account of its namespace', 403, () => ['POST', tokens('hikyaku', 'default'), tokenRequest()]],
  ['a token of an account elsewhere', 403, () => ['POST', tokens(web, 'default'), tokenRequest()]],
  ['a token of a namesake elsewhere', 403, () => ['POST', tokens(web, 'hikyaku'), tokenRequest()]],
  ['a token of a system account', 403, () => ['POST', tokens('kube-system', 'default'), tokenRequest()]],
  [
    'a token of another account, bound to its Pod',
    403,
    () => [
      'POST',
      tokens('hikyaku', 'default'),
      tokenRequest({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod } }),
    ],
  ],
  [
    'a token for a year',
    'lifetime:',
    () => ['POST', tokens('hikyaku', 'hikyaku'), tokenRequest({ expirationSeconds: 31_536_000 })],
  ],
  [
    'a token that outlives its Pod',
    'pod:',
    ({ podToken }) => ['POST', tokens('hikyaku', 'hikyaku'), tokenRequest(), { authorization: `Bearer ${podToken}` }],
  ],
  [
    'a token bound to something else than its Pod',
    'pod:',
    ({ podToken }) => [
      'POST',
      tokens('hikyaku', 'hikyaku'),
      tokenRequest({ boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: dopplerToken } }),
      { authorization: `Bearer ${podToken}` },
    ],
  ],
  ...rightsObjects.flatMap((path): readonly Attack[] => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return [
      [`PUT of ${path}`, 403, () => ['PUT', path, { metadata: { name } }]],
      [`PATCH of ${path}`, 403, () => ['PATCH', path, {}, mergePatch]],
      [`DELETE of ${path}`, 403, () => ['DELETE', path]],
    ];
  }),
  [
    'a binding to cluster-admin',
    403,
    () => ['POST', `${rbac}/clusterrolebindings`, { metadata: { name: 'thief' }, ...clusterAdmin }],
  ],
  [
    'a RoleBinding to cluster-admin',
    403,
    () => ['POST', `${rbac}/namespaces/hikyaku/rolebindings`, { metadata: { name: 'thief' }, ...clusterAdmin }],
  ],
  [
    'another binding of its policy',
    403,
    () => ['POST', `${admission}/validatingadmissionpolicybindings`, { metadata: { name: 'thief' } }],
  ],
  [
    'a Pod that mounts a Secret',
    403,
    () => ['POST', `/api/v1/namespaces/${web}/pods`, { metadata: { name: 'thief' } }],
  ],
  [
    'a Pod in its own namespace',
    403,
    () => ['POST', '/api/v1/namespaces/hikyaku/pods', { metadata: { name: 'thief' } }],
  ],
  ['a Deployment', 403, () => ['POST', `/apis/apps/v1/namespaces/${web}/deployments`, { metadata: { name: 'thief' } }]],
  [
    'a ServiceAccount',
    403,
    () => ['POST', '/api/v1/namespaces/hikyaku/serviceaccounts', { metadata: { name: 'thief' } }],
  ],
  ['a ConfigMap', 403, () => ['POST', ownConfigMaps, { metadata: { name: 'thief' } }]],
  [
    'a ConfigMap elsewhere',
    403,
    () => ['PUT', `/api/v1/namespaces/${web}/configmaps/kube-root-ca.crt`, { metadata: { name: 'kube-root-ca.crt' } }],
  ],
  [
    'a Lease',
    403,
    () => ['POST', '/apis/coordination.k8s.io/v1/namespaces/hikyaku/leases', { metadata: { name: 'thief' } }],
  ],
  ['a namespace', 403, () => ['POST', '/api/v1/namespaces', { metadata: { name: 'thief' } }]],
  ['the end of a namespace', 403, () => ['DELETE', `/api/v1/namespaces/${web}`]],
  ['an Event elsewhere', 403, () => ['POST', `/api/v1/namespaces/${web}/events`, { metadata: { name: 'thief' } }]],
  [
    'a client certificate',
    403,
    () => ['POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', { metadata: { name: 'thief' } }],
  ],
  [
    'the administrator by impersonation',
    403,
    () => ['GET', secrets, undefined, { 'impersonate-user': 'system:admin' }],
  ],
  [
    'a group by impersonation',
    403,
    () => [
      'GET',
      secrets,
      undefined,
      { 'impersonate-user': 'system:serviceaccount:hikyaku:hikyaku', 'impersonate-group': 'system:masters' },
    ],
  ],
  // Under any other name the policies would not apply.
  [
    'another account by impersonation, for a write',
    403,
    () => [
      'PUT',
      `${secrets}/victim`,
      ours('victim'),
      { 'impersonate-user': 'system:serviceaccount:kube-system:default' },
    ],
  ],
  ['no identity at all', 403, () => ['GET', secrets, undefined, { authorization: '' }]],
  // Other controllers find ConfigMaps by their labels too.
  [
    'a trusted label on its own ConfigMap',
    'labels:',
    () => ['PUT', `${ownConfigMaps}/hikyaku-status`, configMap('status', { labels: { grafana_dashboard: '' } })],
  ],
  [
    'a trusted annotation on it',
    'annotations:',
    () => ['PUT', `${ownConfigMaps}/hikyaku-status`, configMap('status', { annotations: { x: '' } })],
  ],
  [
    'an owner of its inventory',
    'owners:',
    () => [
      'PUT',
      `${ownConfigMaps}/hikyaku-inventory`,
      configMap('inventory', { ownerReferences: [owner(absentUid)] }),
    ],
  ],
  [
    'a finalizer on its inventory',
    'owners:',
    () => ['PUT', `${ownConfigMaps}/hikyaku-inventory`, configMap('inventory', { finalizers: ['example.com/thief'] })],
  ],
  [
    'a label on its Lease',
    'labels:',
    ({ leaseVersion }) => [
      'PUT',
      lease,
      { metadata: { name: 'hikyaku', resourceVersion: leaseVersion, labels: { thief: '' } } },
    ],
  ],
];

function configMap(name: string, metadata: object = {}, data: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `hikyaku-${name}`, ...metadata }, data };
}

describe.each(['own', 'named'])(
  'a thief with the agent’s token, under the rights «%s» as manifests writes them',
  (kind) => {
    const attacks = { reading, patching, takingOver, forbiddenContent, merging, gainingRights };
    let before: Record<string, unknown>;
    let made = 0;
    beforeAll(async () => {
      await applyYaml(admin, JSON.stringify(await writtenGrants(kind, ['own'])));
      await eventually(async () => (refusalOf(await agent(...dryPost('unlisted'))) === 'name:') === (kind === 'named'));
      before = await stateOfEverything();
    });
    afterAll(async () => {
      await applyYaml(admin, await readInstallFile('grants.yaml'));
      await eventually(async () => refusalOf(await agent(...dryPost('unlisted'))) !== 'name:');
    });

    for (const [name, list] of Object.entries(attacks)) {
      test.each(list)(`${name}: %s is refused and shows nothing`, async (_title, refusal, request) => {
        const answer = await agent(...request(scene));
        // The list of names speaks before most others.
        expect(kind === 'named' ? [refusal, 'name:'] : [refusal]).toContain(refusalOf(answer));
        expect(leaksOf(answer.text)).toEqual([]);
        made++;
      });
    }

    test('has changed nothing after more than 220 attempts', async () => {
      expect(made).toBe(Object.values(attacks).flat().length);
      expect(made).toBeGreaterThan(220);
      expect(await stateOfEverything()).toEqual(before);
    });

    test.runIf(kind === 'named')(
      'writes no name that the config does not have, and deletes one that left it',
      async () => {
        expect(refusalOf(await agent('POST', secrets, ours('unlisted')))).toBe('name:');
        const change = () => agent('PUT', `${secrets}/own?dryRun=All`, ours('own', { values: { password: eighth } }));
        expect((await change()).status).toBe(200);
        await applyYaml(admin, JSON.stringify(await writtenGrants(kind, ['another'])));
        await eventually(async () => refusalOf(await change()) === 'name:');
        expect((await agent('DELETE', `${secrets}/own?dryRun=All`)).status).toBe(200);
      },
    );
  },
);

/** The ConfigMap `hikyaku-grants` that `hikyaku manifests` prints for a config with these Secrets. */
async function writtenGrants(kind: string, names: readonly string[]): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-grants-'));
  const entries = names.map((name) => `{ name: ${name}, namespace: ${web}, from: files }`);
  const path = join(folder, 'hikyaku.yaml');
  await writeFile(path, `providers: { files: { type: file, path: a.env } }\nsecrets: [${entries.join(', ')}]\n`);
  const finished = await hikyaku(['manifests', '--rights', kind, '--config', path]);
  await rm(folder, { recursive: true });
  expectExit(finished, 0);
  return parseManifests(finished.stdout).find(({ metadata }) => metadata.name === 'hikyaku-grants');
}

describe('the search for leaks', () => {
  test('finds a value, plain and in base64', () => {
    expect(leaksOf(`text ${first} text`)).toEqual([first]);
    expect(leaksOf(JSON.stringify(foreign('x', { values: { password: second } })))).toEqual([second]);
  });
});

describe('the agent', () => {
  test('creates a Secret once', async () => {
    const answer = await agent('POST', secrets, ours('created'));
    expect(answer.status).toBe(201);
    expect((await agent('POST', secrets, ours('created'))).status).toBe(409);
  });

  test.each([
    ['Opaque', { key: 'value' }],
    ['kubernetes.io/tls', { 'tls.crt': '', 'tls.key': '' }],
    ['kubernetes.io/dockerconfigjson', { '.dockerconfigjson': '{}' }],
    ['kubernetes.io/dockercfg', { '.dockercfg': '{}' }],
    ['kubernetes.io/basic-auth', { username: 'x', password: 'x' }],
    ['kubernetes.io/ssh-auth', { 'ssh-privatekey': 'x' }],
  ])('may create the type %s', async (type, values) => {
    const answer = await agent('POST', `${secrets}?dryRun=All`, ours('typed', { type, values }));
    expect(answer.status).toBe(201);
  });

  test('may set its fixed labels and annotations and the granted ones', async () => {
    const fixed = { 'app.kubernetes.io/managed-by': 'hikyaku', 'kustomize.toolkit.fluxcd.io/prune': 'disabled' };
    const answer = await agent(
      'POST',
      `${secrets}?dryRun=All`,
      ours('labelled', {
        labels: { ...fixed, 'app.kubernetes.io/name': 'web' },
        annotations: { ...fixed, 'hikyaku.dev/sources': 'homelab' },
      }),
    );
    expect(answer.status).toBe(201);
  });

  test('puts an equal Secret and nothing is written', async () => {
    const made = await createOwn('equal');
    const answer = await agent('PUT', `${secrets}/equal`, ours('equal'));
    expect(answer.status).toBe(200);
    expect(versionOf(answer.body)).toBe(versionOf(made));
  });

  test('puts away a key, a label, an annotation, an owner and a finalizer that somebody added, and is not shown them', async () => {
    await createOwn('drifted');
    const drift = {
      metadata: {
        labels: { added: 'label' },
        annotations: { added: 'annotation' },
        ownerReferences: [owner(scene.victimUid)],
        finalizers: ['example.com/added'],
      },
      data: { NODE_OPTIONS: Buffer.from(first).toString('base64') },
    };
    succeeded(await admin('PATCH', `${secrets}/drifted`, drift, mergePatch));
    const answer = await agent('PUT', `${secrets}/drifted`, ours('drifted'));
    expect(answer.status).toBe(200);
    expect(leaksOf(answer.text)).toEqual([]);
    const { body } = await admin('GET', `${secrets}/drifted`);
    expect(field(body, 'data')).toEqual({ key: Buffer.from('value').toString('base64') });
    expect(field(body, 'metadata', 'labels')).toEqual({ 'hikyaku.dev/agent': 'hikyaku' });
    for (const gone of ['annotations', 'ownerReferences', 'finalizers'])
      expect(field(body, 'metadata', gone)).toBeUndefined();
  });

  test('is told of drift by 409', async () => {
    const version = versionOf(await createOwn('guarded'));
    succeeded(await admin('PATCH', `${secrets}/guarded`, { metadata: { annotations: { drift: 'x' } } }, mergePatch));
    const outdated = await agent(
      'PUT',
      `${secrets}/guarded`,
      ours('guarded', { metadata: { resourceVersion: version } }),
    );
    const wrongUid = await agent('PUT', `${secrets}/guarded`, ours('guarded', { metadata: { uid: absentUid } }));
    const wrongDelete = await agent('DELETE', `${secrets}/guarded`, { preconditions: { uid: absentUid } });
    expect([outdated.status, wrongUid.status, wrongDelete.status]).toEqual([409, 409, 409]);
  });

  test('learns uid and resourceVersion of its own by a dry-run PUT', async () => {
    const made = await createOwn('asked');
    const answer = await agent('PUT', `${secrets}/asked?dryRun=All`, ours('asked', { values: { key: 'changed' } }));
    expect(answer.status).toBe(200);
    expect(field(answer.body, 'metadata', 'uid')).toBe(field(made, 'metadata', 'uid'));
    expect(versionOf(answer.body)).toBe(versionOf(made));
  });

  test('can tell a missing Secret from a missing namespace', async () => {
    const absent = await agent('PUT', `${secrets}/absent`, ours('absent'));
    const absentByUid = await agent('PUT', `${secrets}/absent`, ours('absent', { metadata: { uid: absentUid } }));
    const nowhere = await agent('POST', `/api/v1/namespaces/absent-${run}/secrets`, ours('absent'));
    expect([absent, absentByUid, nowhere].map(({ status, body }) => [status, field(body, 'details', 'kind')])).toEqual([
      [404, 'secrets'],
      [404, 'secrets'],
      [404, 'namespaces'],
    ]);
  });

  test('deletes its own by uid and is not shown what it held', async () => {
    const uid = field(await createOwn('deleted', first), 'metadata', 'uid');
    const answer = await agent('DELETE', `${secrets}/deleted`, { preconditions: { uid } });
    expect(answer.status).toBe(200);
    expect(field(answer.body, 'kind')).toBe('Status');
    expect(leaksOf(answer.text)).toEqual([]);
  });

  test('is not shown a Secret of its own that waits for a finalizer, and deletes it after a PUT', async () => {
    await createOwn('held', first);
    succeeded(await admin('PATCH', `${secrets}/held`, { metadata: { finalizers: ['example.com/held'] } }, mergePatch));
    const refused = await agent('DELETE', `${secrets}/held?dryRun=All`);
    expect(refusalOf(refused)).toBe('deletion:');
    expect(leaksOf(refused.text)).toEqual([]);
    expect((await agent('PUT', `${secrets}/held`, ours('held'))).status).toBe(200);
    expect((await agent('DELETE', `${secrets}/held`)).status).toBe(200);
  });

  test('deletes what carries its label where the namespace is reserved, and changes nothing there', async () => {
    const path = `${systemSecrets}/hikyaku-deleted-${run}`;
    await create(systemSecrets, ours(`hikyaku-deleted-${run}`, { values: { key: first } }));
    expect(refusalOf(await agent('PUT', path, ours(`hikyaku-deleted-${run}`)))).toBe('namespace:');
    const answer = await agent('DELETE', path);
    expect([answer.status, field(answer.body, 'kind')]).toEqual([200, 'Status']);
    expect(leaksOf(answer.text)).toEqual([]);
  });

  test('adopts a Secret when its owner sets the label, and loses it when the label goes', async () => {
    await create(
      secrets,
      foreign('adopted', {
        annotations: { old: 'x' },
        metadata: { ownerReferences: [owner(scene.victimUid)] },
        values: { old: first },
      }),
    );
    expect(refusalOf(await agent('PUT', `${secrets}/adopted`, ours('adopted')))).toBe('not ours:');
    succeeded(
      await admin(
        'PATCH',
        `${secrets}/adopted`,
        { metadata: { labels: { 'hikyaku.dev/agent': 'hikyaku' } } },
        mergePatch,
      ),
    );
    const answer = await agent('PUT', `${secrets}/adopted`, ours('adopted'));
    expect(answer.status).toBe(200);
    expect(leaksOf(answer.text)).toEqual([]);
    const { body } = await admin('GET', `${secrets}/adopted`);
    expect(field(body, 'data')).toEqual({ key: Buffer.from('value').toString('base64') });
    expect(field(body, 'metadata', 'annotations')).toBeUndefined();
    expect(field(body, 'metadata', 'ownerReferences')).toBeUndefined();
    succeeded(
      await admin('PATCH', `${secrets}/adopted`, { metadata: { labels: { 'hikyaku.dev/agent': null } } }, mergePatch),
    );
    expect(refusalOf(await agent('PUT', `${secrets}/adopted`, ours('adopted')))).toBe('not ours:');
  });

  test.each(['shared', 'shared-by-two'] as const)(
    'changes the data of %s, and nothing else, once it may get it by the Role of its owner',
    async (name) => {
      await letRead(name);
      const before = succeeded(await agent('GET', `${secrets}/${name}`));
      const data = { ...Object(field(before, 'data')), added: Buffer.from('ours').toString('base64') };
      // Finalizers are a set, and what is not there is not given.
      const written = succeeded(await agent('PUT', `${secrets}/${name}`, { ...Object(before), data }));
      expect(field(written, 'data')).toEqual(data);
      const after = succeeded(await admin('GET', `${secrets}/${name}`));
      for (const part of ['labels', 'annotations', 'ownerReferences', 'finalizers', 'uid'])
        expect(field(after, 'metadata', part)).toEqual(field(before, 'metadata', part));
      expect(field(after, 'type')).toBe('example.com/chart');
      expect((await agent('PUT', `${secrets}/${name}`, before)).status).toBe(409);
      expect((await agent('PATCH', `${secrets}/${name}`, {}, mergePatch)).status).toBe(403);
      expect((await agent('GET', `${secrets}/victim`)).status).toBe(403);
    },
  );

  test('loses what it may merge into when the label goes', async () => {
    const path = `${secrets}/shared-by-two`;
    const body = { metadata: { labels: { 'hikyaku.dev/merge': 'other' } } };
    const unlabelled = succeeded(await admin('PATCH', path, body, mergePatch));
    expect(refusalOf(await agent('PUT', path, unlabelled))).toBe('not ours:');
  });

  test('makes, reads, changes and deletes its own Secrets in its own namespace, and reads what a person put there', async () => {
    const path = `${ownSecrets}/hikyaku-snapshot-0`;
    const statuses = [
      await agent('POST', ownSecrets, ours('hikyaku-snapshot-0')),
      await agent('GET', path),
      await agent('PUT', path, ours('hikyaku-snapshot-0', { values: { key: 'changed' } })),
      await agent('DELETE', path),
      await agent('GET', `${ownSecrets}/${dopplerToken}`),
    ].map(({ status }) => status);
    expect(statuses).toEqual([201, 200, 200, 200, 200]);
  });

  test('writes its ConfigMaps and its Lease, and applying the install again keeps them', async () => {
    const names = ['inventory', 'status', 'request', 'approval', 'identity'];
    for (const name of names) {
      succeeded(
        await agent('PUT', `${ownConfigMaps}/hikyaku-${name}`, configMap(name, {}, { written: 'by the agent' })),
      );
    }
    const { body } = await agent('GET', lease);
    const spec = { holderIdentity: 'agent', leaseDurationSeconds: 15 };
    succeeded(await agent('PUT', lease, { metadata: field(body, 'metadata'), spec }));
    await applyYaml(admin, await readInstallFile('rights-own.yaml'));
    for (const name of names) {
      const after = await agent('GET', `${ownConfigMaps}/hikyaku-${name}`);
      expect(field(after.body, 'data')).toEqual({ written: 'by the agent' });
    }
    expect(field((await agent('GET', lease)).body, 'spec')).toEqual(spec);
    // With the labels that the install gives it.
    const inventory = succeeded(await agent('GET', `${ownConfigMaps}/hikyaku-inventory`));
    expect(field(inventory, 'metadata', 'labels')).not.toEqual({});
    succeeded(await agent('PUT', `${ownConfigMaps}/hikyaku-inventory`, inventory));
  });

  test.each(['config', 'grants', 'request', 'approval'])('watches the ConfigMap hikyaku-%s by name', async (name) => {
    const answer = await agent(
      'GET',
      `${ownConfigMaps}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dhikyaku-${name}`,
    );
    expect(answer.status).toBe(200);
  });

  test('sees namespaces and writes Events about its own objects', async () => {
    expect((await agent('GET', '/api/v1/namespaces')).status).toBe(200);
    const event = {
      metadata: { name: `hikyaku.${run}`, namespace: 'hikyaku' },
      involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', name: 'hikyaku-status', namespace: 'hikyaku' },
      reason: 'Applied',
      type: 'Normal',
    };
    const events = '/api/v1/namespaces/hikyaku/events';
    expect((await agent('POST', events, event)).status).toBe(201);
    expect((await agent('PUT', `${events}/${event.metadata.name}`, { ...event, count: 2 })).status).toBe(200);
  });

  test('mints tokens for its own account; from a Pod they end with the Pod', async () => {
    expect(
      (await agent('POST', tokens('hikyaku', 'hikyaku'), tokenRequest({ audiences: ['https://example.com'] }))).status,
    ).toBe(201);
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod };
    const renewed = await mintToken(cluster.api(scene.podToken), 'hikyaku', 'hikyaku', { boundObjectRef });
    expect((await cluster.api(renewed)('GET', '/api/v1/namespaces')).status).toBe(200);
    succeeded(await admin('DELETE', `/api/v1/namespaces/hikyaku/pods/${pod}?gracePeriodSeconds=0`));
    // The server remembers a token that it accepted for about ten seconds.
    await eventually(async () => (await cluster.api(renewed)('GET', '/api/v1/namespaces')).status === 401);
  });
});

/** The Role that an owner gives: get of this one name. */
async function letRead(name: string): Promise<void> {
  const metadata = { name: `hikyaku-${name}` };
  const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: [name], verbs: ['get'] }];
  await create(`${rbac}/namespaces/${web}/roles`, { metadata, rules });
  await create(`${rbac}/namespaces/${web}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: 'hikyaku', namespace: 'hikyaku' }],
  });
  await eventually(async () => (await agent('GET', `${secrets}/${name}`)).status === 200);
}

/** Replaces the grants and waits until this request is answered so. */
async function grant(
  data: Readonly<Record<string, string>>,
  answered: readonly [Parameters<Api>, number],
): Promise<void> {
  succeeded(await admin('PUT', `${ownConfigMaps}/hikyaku-grants`, configMap('grants', {}, data)));
  await eventually(async () => (await agent(...answered[0])).status === answered[1]);
}

function dryPost(name: string, options: SecretOptions = {}): Parameters<Api> {
  return ['POST', `${secrets}?dryRun=All`, ours(name, options)];
}

describe('the grants', () => {
  let granted: Readonly<Record<string, string>>;
  beforeAll(async () => {
    const [manifest] = parseManifests(await readInstallFile('grants.yaml'));
    granted = Object.fromEntries(
      Object.entries(Object(field(manifest, 'data'))).map(([key, value]) => [key, String(value)]),
    );
  });
  afterAll(async () => {
    await applyYaml(admin, await readInstallFile('grants.yaml'));
  });

  test('names limits creation and change to the list, and deletion not', async () => {
    await createOwn('left-the-list');
    await grant({ ...granted, names: ` ${web}/listed ,\n${web}/other,` }, [dryPost('unlisted'), 422]);
    expect(refusalOf(await agent(...dryPost('unlisted')))).toBe('name:');
    expect(refusalOf(await agent(...dryPost('list')))).toBe('name:');
    expect(refusalOf(await agent('PUT', `${secrets}/left-the-list`, ours('left-the-list')))).toBe('name:');
    expect((await agent('DELETE', `${secrets}/left-the-list`)).status).toBe(200);
    for (const name of ['listed', 'other']) expect((await agent(...dryPost(name))).status).toBe(201);
    expect((await agent('POST', `${ownSecrets}?dryRun=All`, ours('hikyaku-identity'))).status).toBe(201);
  });

  test('names limits what is merged into, types and metadataPrefixes do not', async () => {
    await create(secrets, shared('shared-and-granted', { metadata: { finalizers: [], ownerReferences: [] } }));
    const put = (name: string) =>
      agent(
        'PUT',
        `${secrets}/${name}?dryRun=All`,
        shared(name, { metadata: { finalizers: [], ownerReferences: [] } }),
      );
    await grant({ ...granted, types: '', metadataPrefixes: '', names: `${web}/listed` }, [dryPost('unlisted'), 422]);
    expect(refusalOf(await put('shared-and-granted'))).toBe('name:');
    await grant({ ...granted, types: '', metadataPrefixes: '', names: `${web}/shared-and-granted` }, [
      [
        'PUT',
        `${secrets}/shared-and-granted?dryRun=All`,
        shared('shared-and-granted', { metadata: { finalizers: [], ownerReferences: [] } }),
      ],
      200,
    ]);
  });

  test('an empty names grants none', async () => {
    await grant({ ...granted, names: '' }, [dryPost('listed'), 422]);
    expect(refusalOf(await agent(...dryPost('listed')))).toBe('name:');
  });

  test('2,000 names cost no refusal', async () => {
    const names = Array.from({ length: 2000 }, (_, index) => `${web}/a-rather-long-name-of-a-secret-${index}`);
    await grant({ ...granted, names: names.join(',\n') }, [dryPost('a-rather-long-name-of-a-secret-0'), 201]);
    expect((await agent(...dryPost('a-rather-long-name-of-a-secret-1999'))).status).toBe(201);
    expect(refusalOf(await agent(...dryPost('a-rather-long-name-of-a-secret-2000')))).toBe('name:');
  });

  test('metadataPrefixes takes prefixes that end in a slash and exact keys, and nothing else', async () => {
    const metadataPrefixes = ' reloader.stakater.com/ ,, /, team,hikyaku.dev/, example.com';
    await grant({ ...granted, metadataPrefixes }, [
      dryPost('granted', { annotations: { 'reloader.stakater.com/match': 'true' } }),
      201,
    ]);
    expect((await agent(...dryPost('granted', { labels: { team: 'web' } }))).status).toBe(201);
    const keys = [
      'teammate',
      'example.com/x',
      'app.kubernetes.io/name',
      'hikyaku.dev/merge',
      'reloader.stakater.com.evil/x',
    ];
    for (const key of keys)
      expect(refusalOf(await agent(...dryPost('refused', { labels: { [key]: 'x' } })))).toBe('labels:');
    for (const key of keys)
      expect(refusalOf(await agent(...dryPost('refused', { annotations: { [key]: 'x' } })))).toBe('annotations:');
  });

  test('granting Flux’s or Helm’s keys does not free the values of ours', async () => {
    const metadataPrefixes = 'app.kubernetes.io/, kustomize.toolkit.fluxcd.io/';
    await grant({ ...granted, metadataPrefixes }, [
      dryPost('granted', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'x' } }),
      201,
    ]);
    expect(refusalOf(await agent(...dryPost('refused', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } })))).toBe(
      'values:',
    );
    expect(refusalOf(await agent(...dryPost('refused', { labels: { 'kustomize.toolkit.fluxcd.io/prune': '' } })))).toBe(
      'values:',
    );
  });

  test('an empty list of types grants none, an empty list of namespaces reserves none', async () => {
    await grant({ ...granted, types: ' , ', reservedNamespaces: '' }, [dryPost('refused'), 422]);
    expect(refusalOf(await agent(...dryPost('refused')))).toBe('type:');
    // What the agent keeps for itself asks for no grant; nothing else of its namespace gets by.
    const own = await agent('POST', `${ownSecrets}?dryRun=All`, ours('hikyaku-snapshot-7'));
    expect(own.status).toBe(201);
    const typed = ours('hikyaku-snapshot-7', { type: 'kubernetes.io/basic-auth', values: { username: 'x' } });
    expect(refusalOf(await agent('POST', `${ownSecrets}?dryRun=All`, typed))).toBe('type:');
    await grant({ ...granted, reservedNamespaces: '' }, [
      ['POST', `${systemSecrets}?dryRun=All`, ours('granted')],
      201,
    ]);
  });

  test.each(['types', 'reservedNamespaces', 'metadataPrefixes'])(
    'without %s nothing is created or changed, and its own is deleted',
    async (missing) => {
      const data = Object.fromEntries(Object.entries(granted).filter(([key]) => key !== missing));
      await grant(granted, [dryPost('granted'), 201]);
      await grant(data, [dryPost('refused'), 422]);
      expect(refusalOf(await agent(...dryPost('refused')))).toBe('grants:');
      expect(refusalOf(await agent('PUT', `${secrets}/own`, ours('own')))).toBe('grants:');
      expect((await agent('DELETE', `${secrets}/own?dryRun=All`)).status).toBe(200);
    },
  );

  test('a ConfigMap without any data refuses to create', async () => {
    succeeded(await admin('PUT', `${ownConfigMaps}/hikyaku-grants`, { metadata: { name: 'hikyaku-grants' } }));
    await eventually(async () => (await agent(...dryPost('refused'))).status !== 201);
    expect(refusalOf(await agent(...dryPost('refused')))).toBe('grants:');
  });

  describe('without the ConfigMap', () => {
    const ending = `ending-${run}`;
    const endingSecrets = `/api/v1/namespaces/${ending}/secrets`;
    let before: Record<string, unknown>;
    beforeAll(async () => {
      await grant(granted, [dryPost('granted'), 201]);
      for (const name of ['left-behind', 'left-for-a-person']) await createOwn(name);
      const mergeable = { labels: { 'hikyaku.dev/merge': 'hikyaku' } };
      await create(secrets, foreign('mergeable', mergeable));
      await create('/api/v1/namespaces', { metadata: { name: ending } });
      succeeded(await agent('POST', endingSecrets, ours('labelled')));
      await create(endingSecrets, foreign('mergeable', mergeable));
      succeeded(await admin('DELETE', `${ownConfigMaps}/hikyaku-grants`));
      const waiting: readonly Parameters<Api>[] = [dryPost('refused'), putShared({})];
      for (const request of waiting)
        await eventually(async () => (await agent(...request)).text.includes(NO_PARAMETERS));
      before = await stateOfEverything();
    });

    test.each(ungranted)('%s is refused and shows nothing', async (_title, refusal, request) => {
      const attempt = request(scene);
      const answer = await agent(...attempt);
      // Of a write that two policies refuse, either may be asked first; a deletion waits for no grants.
      expect(attempt[0] === 'DELETE' ? [refusal] : [refusal, NO_PARAMETERS]).toContain(
        answer.text.includes(NO_PARAMETERS) ? NO_PARAMETERS : refusalOf(answer),
      );
      expect(leaksOf(answer.text)).toEqual([]);
    });

    test('these attempts have changed nothing', async () => {
      expect(await stateOfEverything()).toEqual(before);
    });

    test('the agent deletes its own, and is not shown what it held', async () => {
      const answer = await agent('DELETE', `${secrets}/left-behind`);
      expect([answer.status, field(answer.body, 'kind')]).toEqual([200, 'Status']);
      expect(leaksOf(answer.text)).toEqual([]);
    });

    test('a person deletes what carries a label of the agent, and cannot write it', async () => {
      const labels = { 'hikyaku.dev/agent': null, 'hikyaku.dev/merge': null };
      for (const name of ['left-for-a-person', 'mergeable']) {
        const path = `${secrets}/${name}`;
        expect((await admin('PATCH', path, { metadata: { labels } }, mergePatch)).text).toContain(NO_PARAMETERS);
        succeeded(await admin('DELETE', path));
        expect((await admin('GET', path)).status).toBe(404);
      }
    });

    test('a namespace that holds Secrets with these labels ends', async () => {
      succeeded(await admin('DELETE', `/api/v1/namespaces/${ending}`));
      await eventually(async () => (await admin('GET', `/api/v1/namespaces/${ending}`)).status === 404);
    });
  });
});

describe('the install', () => {
  // By validatingadmissionpolicy-status-controller, which a controller manager runs unless its list of controllers leaves it out.
  test('the server type-checks the policies without warnings', async () => {
    const all = () =>
      Promise.all(
        policies.map(async (name) => (await admin('GET', `${admission}/validatingadmissionpolicies/${name}`)).body),
      );
    await eventually(async () =>
      (await all()).every(
        (body) => field(body, 'status', 'observedGeneration') === field(body, 'metadata', 'generation'),
      ),
    );
    expect((await all()).map((body) => field(body, 'status', 'typeChecking'))).toEqual(policies.map(() => ({})));
  });

  test('the objects that the agent fills come empty', async () => {
    const manifests = parseManifests(await readInstallFile('rights-own.yaml'));
    const filled = manifests.filter(({ kind }) => kind === 'ConfigMap' || kind === 'Lease');
    expect(filled.map(({ metadata }) => metadata.name)).toEqual([
      'hikyaku-inventory',
      'hikyaku-status',
      'hikyaku-request',
      'hikyaku-approval',
      'hikyaku-identity',
      'hikyaku',
    ]);
    for (const manifest of filled) expect(Object.keys(manifest).toSorted()).toEqual(['apiVersion', 'kind', 'metadata']);
  });

  test('every refusal says its code and fits on one line', async () => {
    for (const manifest of parseManifests(await readInstallFile('rights-own.yaml'))) {
      const validations = field(manifest, 'spec', 'validations');
      for (const validation of Array.isArray(validations) ? validations : []) {
        expect(field(validation, 'message')).toMatch(/^hikyaku: [A-Za-z ]+: [^\n]+$/);
        expect(field(validation, 'reason')).toBe('Invalid');
      }
    }
  });
});

async function createOwn(name: string, value = 'value'): Promise<unknown> {
  return succeeded(await agent('POST', secrets, ours(name, { values: { key: value } })));
}

function versionOf(body: unknown): unknown {
  return field(body, 'metadata', 'resourceVersion');
}
