import {
  type Api,
  type ApiAnswer,
  applyYaml,
  type Cluster,
  createNamespace,
  eventually,
  field,
  installRights,
  parseManifests,
  readInstallFile,
  startCluster,
  succeeded,
} from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// What a thief of the agent's token can do with deploy/rights-restarts.yaml, against a real API server.

const policiesPath = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const grantsPath = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
const mergePatch = { 'content-type': 'application/merge-patch+json' };
const jsonPatch = { 'content-type': 'application/json-patch+json' };
const applyPatch = { 'content-type': 'application/apply-patch+yaml' };
const KINDS = { Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' } as const;
type Kind = keyof typeof KINDS;
const kinds: readonly Kind[] = ['Deployment', 'StatefulSet', 'DaemonSet'];

let cluster: Cluster;
let admin: Api;
let agent: Api;

beforeAll(async () => {
  cluster = await startCluster();
  admin = cluster.admin;
  agent = await installRights(cluster);
  await applyYaml(admin, await readInstallFile('rights-restarts.yaml'));
  for (const namespace of ['web', 'mail', 'free']) {
    await createNamespace(admin, namespace);
    for (const kind of kinds) {
      await create(namespace, kind, 'app');
      await create(namespace, kind, 'other');
    }
  }
  await grant('free/*, web/Deployment/app,\n web/StatefulSet/app,web/DaemonSet/app');
});

afterAll(async () => {
  await cluster?.stop();
});

function workload(kind: Kind, name: string) {
  const labels = { app: name };
  const more = {
    Deployment: { replicas: 0 },
    StatefulSet: { replicas: 0, serviceName: name },
    DaemonSet: {},
  };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, labels: { team: 'web' }, annotations: { note: 'x' } },
    spec: {
      ...more[kind],
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { 'example.com/config': '1' } },
        spec: { nodeSelector: { never: 'there' }, containers: [{ name: 'app', image: 'example.com/app:1' }] },
      },
    },
  };
}

async function create(namespace: string, kind: Kind, name: string): Promise<void> {
  succeeded(await admin('POST', `/apis/apps/v1/namespaces/${namespace}/${KINDS[kind]}`, workload(kind, name)));
}

function pathOf(namespace: string, kind: Kind, name = 'app'): string {
  return `/apis/apps/v1/namespaces/${namespace}/${KINDS[kind]}/${name}`;
}

/** The restart of the agent, with more beside it. Nothing is written. */
function restart(namespace: string, kind: Kind, more: object = {}, name = 'app'): Promise<ApiAnswer> {
  return agent('PATCH', `${pathOf(namespace, kind, name)}?dryRun=All`, restartWith(more), mergePatch);
}

function restartWith(more: object): object {
  const annotations = { 'hikyaku.dev/restarted-for': `app=${Math.random()}`, 'hikyaku.dev/restart-reason': 'x' };
  return merged({ spec: { template: { metadata: { annotations } } } }, more);
}

function merged(a: object, b: object): object {
  const result: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const before = result[key];
    const both = isObject(before) && isObject(value);
    result[key] = both ? merged(before, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The policy's word, or `passes`; 403 where RBAC refuses. */
function wordOf({ status, body, text }: ApiAnswer): string {
  if (status < 300) return 'passes';
  const word = /'hikyaku-restarts(?:-granted)?'.*denied request: hikyaku: ([A-Za-z ]+):/.exec(
    String(field(body, 'message')),
  )?.[1];
  return status === 422 && word !== undefined ? word : `${status} ${text.slice(0, 200)}`;
}

async function grant(restarts: string | undefined): Promise<void> {
  const live = succeeded(await admin('GET', grantsPath));
  const data: Record<string, unknown> = { ...Object(field(live, 'data')) };
  delete data['restarts'];
  const mark = `example.com/mark-${Math.random()}`;
  succeeded(
    await admin('PUT', grantsPath, {
      metadata: { name: 'hikyaku-grants' },
      data: { ...data, types: `Opaque,${mark}`, ...(restarts !== undefined && { restarts }) },
    }),
  );
  // Both policies see the parameters by one informer.
  await eventually(async () => {
    const probe = { metadata: { name: 'probe', labels: { 'hikyaku.dev/agent': 'hikyaku' } }, type: mark };
    const answer = await agent('POST', '/api/v1/namespaces/web/secrets?dryRun=All', probe);
    const known = (await restart('mail', 'Deployment')).status === 422 || restarts?.includes('mail') === true;
    return answer.status === 201 && known;
  });
}

describe.each(kinds)('of a %s', (kind) => {
  test('the two annotations change, by name and by namespace', async () => {
    expect(wordOf(await restart('web', kind))).toBe('passes');
    expect(wordOf(await restart('free', kind))).toBe('passes');
    expect(wordOf(await restart('free', kind, {}, 'other'))).toBe('passes');
    const annotations = { 'hikyaku.dev/restarted-for': 'app=1', 'hikyaku.dev/restart-reason': 'Secret app: A' };
    const patch = { spec: { template: { metadata: { annotations } } } };
    const answer = succeeded(await agent('PATCH', pathOf('free', kind), patch, mergePatch));
    expect(field(answer, 'spec', 'template', 'metadata', 'annotations')).toEqual({
      'example.com/config': '1',
      ...annotations,
    });
    const taken = { 'hikyaku.dev/restarted-for': null, 'hikyaku.dev/restart-reason': null };
    const back = { spec: { template: { metadata: { annotations: taken } } } };
    expect((await agent('PATCH', pathOf('free', kind), back, mergePatch)).status).toBe(200);
  });

  test('an annotation comes to a template that has none', async () => {
    const bare = workload(kind, `bare-${kind.toLowerCase()}`);
    const { labels } = bare.spec.template.metadata;
    const template = { ...bare.spec.template, metadata: { labels } };
    succeeded(
      await admin('POST', `/apis/apps/v1/namespaces/free/${KINDS[kind]}`, {
        ...bare,
        spec: { ...bare.spec, template },
      }),
    );
    expect(wordOf(await restart('free', kind, {}, bare.metadata.name))).toBe('passes');
  });

  test.each(ATTACKS)('%s is refused', async (_, word, more) => {
    expect(wordOf(await restart('web', kind, more))).toBe(word);
  });

  test('what is not granted is refused', async () => {
    expect(wordOf(await restart('web', kind, {}, 'other'))).toBe('workload');
    expect(wordOf(await restart('mail', kind))).toBe('workload');
  });

  test('every other way of writing is refused', async () => {
    const where = pathOf('web', kind);
    const live = succeeded(await admin('GET', where));
    const collection = `/apis/apps/v1/namespaces/web/${KINDS[kind]}`;
    const answers = await Promise.all([
      agent('PUT', where, live),
      agent('DELETE', where),
      agent('DELETE', collection),
      agent('POST', collection, workload(kind, 'new')),
      agent('PATCH', `${collection}/new?fieldManager=x`, workload(kind, 'new'), applyPatch),
      agent('PATCH', `${where}/status`, { status: { observedGeneration: 7 } }, mergePatch),
      agent('PATCH', `${where}/scale`, { spec: { replicas: 5 } }, mergePatch),
      agent('GET', `${where}/scale`),
      agent('GET', `${collection}?watch=1`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
  });

  test('neither JSON patch nor a forced apply changes what it runs', async () => {
    const image = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'evil' }];
    expect(wordOf(await agent('PATCH', pathOf('web', kind), image, jsonPatch))).toBe('template');
    const evil = workload(kind, 'app');
    const containers = [{ name: 'app', image: 'evil' }];
    const applied = { ...evil, spec: { ...evil.spec, template: { ...evil.spec.template, spec: { containers } } } };
    const apply = await agent('PATCH', `${pathOf('web', kind)}?fieldManager=x&force=true`, applied, applyPatch);
    expect(wordOf(apply)).toMatch(/^(template|metadata)$/);
  });
});

function inPods(spec: object): object {
  return { spec: { template: { spec } } };
}

const app = { name: 'app', image: 'example.com/app:1' };
const secretEnv = { name: 'A', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } };
const ATTACKS: readonly (readonly [string, string, object])[] = [
  ['another image', 'template', inPods({ containers: [{ ...app, image: 'example.com/evil:1' }] })],
  ['another command', 'template', inPods({ containers: [{ ...app, command: ['sh'] }] })],
  ['a Secret as environment', 'template', inPods({ containers: [{ ...app, env: [secretEnv] }] })],
  ['a container more', 'template', inPods({ containers: [app, { ...app, name: 'evil' }] })],
  ['an init container', 'template', inPods({ initContainers: [{ ...app, name: 'evil' }] })],
  ['a Secret as volume', 'template', inPods({ volumes: [{ name: 'v', secret: { secretName: 'db' } }] })],
  ['another ServiceAccount', 'template', inPods({ serviceAccountName: 'admin' })],
  ['the network of the node', 'template', inPods({ hostNetwork: true })],
  ['another node', 'template', inPods({ nodeSelector: { a: 'b' } })],
  ['a label of the Pods', 'template labels', { spec: { template: { metadata: { labels: { evil: 'x' } } } } }],
  [
    'an annotation of the Pods',
    'template annotations',
    { spec: { template: { metadata: { annotations: { 'sidecar.istio.io/inject': 'true' } } } } },
  ],
  [
    'a changed annotation of the Pods',
    'template annotations',
    { spec: { template: { metadata: { annotations: { 'example.com/config': '2' } } } } },
  ],
  [
    'an annotation of the Pods that goes',
    'template annotations',
    { spec: { template: { metadata: { annotations: { 'example.com/config': null } } } } },
  ],
  [
    'one that looks like ours',
    'template annotations',
    { spec: { template: { metadata: { annotations: { 'hikyaku.dev/restarted-for-x': 'x' } } } } },
  ],
  ['a label', 'metadata', { metadata: { labels: { evil: 'x' } } }],
  ['a label that goes', 'metadata', { metadata: { labels: { team: null } } }],
  ['an annotation', 'metadata', { metadata: { annotations: { evil: 'x' } } }],
  ['an annotation that goes', 'metadata', { metadata: { annotations: null } }],
  ['a finalizer', 'metadata', { metadata: { finalizers: ['example.com/x'] } }],
  [
    'an owner',
    'metadata',
    { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' }] } },
  ],
  ['fewer old revisions', 'spec', { spec: { revisionHistoryLimit: 1 } }],
  ['a pause before the next Pod', 'spec', { spec: { minReadySeconds: 7 } }],
];

describe('of one kind alone', () => {
  test.each([
    ['replicas', 'Deployment', { replicas: 3 }],
    ['strategy', 'Deployment', { strategy: { type: 'Recreate', rollingUpdate: null } }],
    ['paused', 'Deployment', { paused: true }],
    ['deadline', 'Deployment', { progressDeadlineSeconds: 7 }],
    ['replicas', 'StatefulSet', { replicas: 3 }],
    ['strategy', 'StatefulSet', { updateStrategy: { type: 'OnDelete', rollingUpdate: null } }],
    ['what happens to its volumes', 'StatefulSet', { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } }],
    ['strategy', 'DaemonSet', { updateStrategy: { type: 'OnDelete', rollingUpdate: null } }],
  ] as const)('another %s of a %s is refused', async (_, kind, spec) => {
    expect(wordOf(await restart('web', kind, { spec }))).toBe('spec');
  });
});

test('without a list, and with an empty one, nothing is restarted', async () => {
  const refused = async () => (await Promise.all(kinds.map((kind) => restart('web', kind)))).map(wordOf);
  const before = String(field(succeeded(await admin('GET', grantsPath)), 'data', 'restarts'));
  for (const restarts of [undefined, '', ' , ', 'web', 'web/', '*', '*/*', 'web/Deployment/*', 'web/Deployment/ap']) {
    await grant(restarts);
    await eventually(async () => (await refused()).every((word) => word === 'workload'));
  }
  await grant(before);
  await eventually(async () => (await refused()).every((word) => word === 'passes'));
});

describe('each rule counts', () => {
  // Who has more rights than the file gives is held by the policy all the same.
  const more = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: too-much-for-tests }
rules: [{ apiGroups: [apps], resources: ['*'], verbs: ['*'] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: too-much-for-tests }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: too-much-for-tests }
subjects: [{ kind: ServiceAccount, name: hikyaku, namespace: hikyaku }]
`;
  const scale = () =>
    agent('PATCH', `${pathOf('free', 'Deployment')}/scale?dryRun=All`, { spec: { replicas: 5 } }, mergePatch);
  const tries: Readonly<Record<string, () => Promise<ApiAnswer>>> = {
    operation: scale,
    metadata: () => restart('web', 'Deployment', { metadata: { labels: { evil: 'x' } } }),
    spec: () => restart('web', 'Deployment', { spec: { replicas: 3 } }),
    template: () => restart('web', 'Deployment', inPods({ serviceAccountName: 'admin' })),
    'template labels': () =>
      restart('web', 'Deployment', { spec: { template: { metadata: { labels: { evil: 'x' } } } } }),
    'template annotations': () =>
      restart('web', 'Deployment', { spec: { template: { metadata: { annotations: { evil: 'x' } } } } }),
    workload: () => restart('mail', 'Deployment'),
  };
  let policies: readonly unknown[] = [];
  let rules: readonly unknown[] = [];

  beforeAll(async () => {
    await applyYaml(admin, more);
    policies = parseManifests(await readInstallFile('rights-restarts.yaml')).filter(
      ({ kind }) => kind === 'ValidatingAdmissionPolicy',
    );
    rules = policies.flatMap(rulesOf);
    await eventually(async () => (await scale()).status !== 403);
  });

  afterAll(async () => {
    await applyYaml(admin, await readInstallFile('rights-restarts.yaml'));
  });

  test('there is an attack for each', () => {
    expect(rules.map(ruleWord)).toEqual(Object.keys(tries));
  });

  test('with all rights of an administrator of the namespaces too, it neither creates, deletes nor scales', async () => {
    for (const kind of kinds) {
      const collection = `/apis/apps/v1/namespaces/web/${KINDS[kind]}`;
      expect(wordOf(await agent('POST', `${collection}?dryRun=All`, workload(kind, 'new')))).toBe('operation');
      expect(wordOf(await agent('DELETE', `${collection}/app?dryRun=All`))).toBe('operation');
    }
  });

  test.each(Object.keys(tries))('without the one about %s, it passes', async (word) => {
    const attack = tries[word] ?? scale;
    expect(wordOf(await attack())).toBe(word);
    const policy = policies.find((one) => rulesOf(one).some((rule) => ruleWord(rule) === word));
    await put(policy, (rule) => ruleWord(rule) !== word);
    await eventually(async () => wordOf(await attack()) === 'passes');
    await put(policy, () => true);
    await eventually(async () => wordOf(await attack()) === word);
  });

  async function put(policy: unknown, keeps: (rule: unknown) => boolean): Promise<void> {
    const path = `${policiesPath}/${String(field(policy, 'metadata', 'name'))}`;
    const kept = rulesOf(policy).filter(keeps);
    // A policy has one rule at least.
    const validations = kept.length > 0 ? kept : [{ expression: 'true' }];
    const spec = { ...Object(field(policy, 'spec')), validations };
    // A controller writes its status now and then.
    await eventually(async () => {
      const answer = await admin('PUT', path, { ...Object(succeeded(await admin('GET', path))), spec });
      if (answer.status !== 409) succeeded(answer);
      return answer.status !== 409;
    });
  }

  function rulesOf(policy: unknown): readonly unknown[] {
    const validations = field(policy, 'spec', 'validations');
    return Array.isArray(validations) ? validations : [];
  }

  function ruleWord(rule: unknown): string {
    return /^hikyaku: ([A-Za-z ]+): [^\n]+$/.exec(String(field(rule, 'message')))?.[1] ?? 'no word';
  }
});

test.each(['hikyaku-restarts', 'hikyaku-restarts-granted'])(
  'the server type-checks %s without warnings',
  async (name) => {
    const read = async () => (await admin('GET', `${policiesPath}/${name}`)).body;
    await eventually(async () => {
      const body = await read();
      return field(body, 'status', 'observedGeneration') === field(body, 'metadata', 'generation');
    });
    expect(field(await read(), 'status', 'typeChecking')).toEqual({});
  },
);
