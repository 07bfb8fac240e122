import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretValue } from '@hikyaku/core';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { bindingOf, generateIdentity, seal } from '@hikyaku/sealing';
import {
  applyYaml,
  buildSaying,
  createSecret,
  deleteSecret,
  eventually,
  expectExit,
  field,
  hikyaku,
  installRights,
  patchSecret,
  readSecret,
  succeeded,
  V8_FLAGS,
} from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FINDINGS } from '../src/doctor/finding.ts';
import { Clinic, startProxy, words } from './doctor.test.kit.ts';
import type { Changes, Found, Visit } from './doctor.test.kit.ts';
import { publicKeyOf, readIdentity, sealToken } from './identity.test.kit.ts';

// Every finding of `hikyaku doctor`, provoked once on a real API server; then its advice is followed to the letter, and it is gone.

const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };
const GRANTS = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
const POLICIES = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';

let clinic: Clinic;
let me: { readonly file: string; readonly recipient: string };

beforeAll(async () => {
  clinic = await Clinic.open();
  clinic.doppler.addConfig('lab', 'prd', { A: 'value-a' });
  me = await generateIdentity();
  const keys = join(clinic.folder, '.config', 'sops', 'age');
  await mkdir(keys, { recursive: true });
  await writeFile(join(keys, 'keys.txt'), me.file, { mode: 0o600 });
  await clinic.write(plain());
});

afterEach(() => clinic.doppler.clearFaults());
afterAll(async () => {
  await clinic?.[Symbol.asyncDispose]();
});

/** What a case provokes, and how it is looked at and put right. */
interface Case {
  /** Of the laptop by default. */
  readonly visit?: Visit;
  readonly provoke: () => Promise<Visit | void | undefined>;
  /** By default the command of each finding is run. */
  readonly follow?: (finding: Found) => Promise<Visit | void | undefined>;
  /** Only findings about this count. */
  readonly thing?: string;
}

const seen = new Set<string>();

/** Provokes, sees, follows the advice, and no longer sees. */
async function cure(code: keyof typeof FINDINGS, { visit = {}, provoke, follow, thing }: Case): Promise<void> {
  const provoked = { ...visit, ...(await provoke()) };
  const isIt = (one: Found) => one.code === code && (thing === undefined || one.thing.includes(thing));
  const findings = await clinic.until(provoked, (all) => expect(all.map((one) => one.code)).toContain(code));
  const own = findings.filter(isIt);
  expect(own.length).toBeGreaterThan(0);
  let after: Visit = provoked;
  for (const finding of own) {
    expect(finding).toMatchObject({ severity: FINDINGS[code], advice: expect.stringMatching(/\S/) });
    if (follow !== undefined) after = { ...after, ...(await follow(finding)) };
    else {
      if (finding.command === undefined) throw new Error(`${code} has no command, and the test does nothing else`);
      await clinic.follow(finding.command);
    }
  }
  await clinic.until(after, (all) => expect(all.filter(isIt)).toEqual([]));
  seen.add(code);
}

function source(more: object = {}): object {
  return { type: 'doppler', url: clinic.doppler.url, project: 'lab', config: 'prd', ...more };
}

/** One Secret from one source. */
function plain(ofSource: object = {}, ofSecret: object = {}, more: object = {}): object {
  return {
    providers: { lab: source(ofSource) },
    secrets: [{ name: 'app', namespace: 'web', from: 'lab', data: { A: 'A' }, ...ofSecret }],
    ...more,
  };
}

/** Writes a config that is wrong; who follows the advice writes the right one. */
function edit(wrong: () => object | Promise<object>, right: () => object | Promise<object> = plain): Case {
  return {
    provoke: async () => clinic.write(await wrong()),
    follow: async () => clinic.write(await right()),
  };
}

async function asAgent(): Promise<Visit> {
  return { kubeconfig: await clinic.cluster.agentKubeconfig() };
}

const IN_POD = { KUBERNETES_SERVICE_HOST: '192.0.2.1' };

async function proxied(changes: Changes): Promise<Visit & AsyncDisposable> {
  const proxy = await startProxy(clinic.cluster, changes);
  const cluster = { server: proxy.url, 'insecure-skip-tls-verify': true };
  return {
    kubeconfig: await clinic.kubeconfig({ cluster }),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

describe('an API server on which nothing is installed', () => {
  test('NAMESPACE_MISSING', async () => {
    await cure('NAMESPACE_MISSING', { provoke: async () => {} });
    await installRights(clinic.cluster);
    await clinic.follow('hikyaku grants --config-map | kubectl apply -f -');
  });

  test('TARGET_NAMESPACE_MISSING', () => cure('TARGET_NAMESPACE_MISSING', { provoke: async () => {} }));

  test('AGENT_NEVER_REPORTED', async () => {
    clinic.start = () => clinic.run();
    await cure('AGENT_NEVER_REPORTED', { provoke: async () => {} });
    await clinic.forget();
  });
});

describe('the way to the API server', () => {
  test('KUBECONFIG_UNUSABLE', () =>
    cure('KUBECONFIG_UNUSABLE', {
      provoke: async () => ({ args: ['--context', 'nowhere'] }),
      follow: async () => ({ args: ['--context', 'devcluster'] }),
    }));

  test('API_UNREACHABLE', () =>
    cure('API_UNREACHABLE', {
      provoke: async () => ({ kubeconfig: await clinic.kubeconfig({ cluster: { server: 'https://127.0.0.1:1' } }) }),
      follow: async () => ({ kubeconfig: clinic.cluster.kubeconfig }),
    }));

  test('API_REFUSES', () =>
    cure('API_REFUSES', {
      provoke: async () => ({ kubeconfig: await clinic.kubeconfig({ user: { token: 'not-a-token' } }) }),
      follow: async () => ({ kubeconfig: clinic.cluster.kubeconfig }),
    }));

  test('KUBERNETES_TOO_OLD', async () => {
    const changes: Changes = { minor: '29' };
    await using visit = await proxied(changes);
    await cure('KUBERNETES_TOO_OLD', { visit, provoke: async () => {}, follow: async () => void delete changes.minor });
  });

  test('CLOCK_DIFFERS', async () => {
    const changes: Changes = { aheadMs: 120_000 };
    await using visit = await proxied(changes);
    await cure('CLOCK_DIFFERS', { visit, provoke: async () => {}, follow: async () => void (changes.aheadMs = 0) });
  });

  test('NO_ANSWER: one check that hangs hides no other', async () => {
    await using visit = await proxied({ delay: { path: '/hikyaku-grants', ms: 12_000 } });
    await cure('NO_ANSWER', {
      visit: { ...visit, args: ['--timeout', '10s'] },
      thing: 'grants',
      provoke: async () => {},
      async follow({ command = '' }) {
        const [program, name, ...args] = words(command);
        expect([program, name]).toEqual(['hikyaku', 'doctor']);
        return { args };
      },
    });
  });

  test('CANNOT_LOOK and YOU_MAY_NOT', async () => {
    const metadata = 'metadata: { name: stranger, namespace: default }';
    await applyYaml(clinic.admin, `apiVersion: v1\nkind: ServiceAccount\n${metadata}\n`);
    const kubeconfig = await clinic.cluster.agentKubeconfig('default', 'stranger');
    await cure('YOU_MAY_NOT', { provoke: async () => ({ kubeconfig }) });
    await cure('CANNOT_LOOK', {
      provoke: async () => ({ kubeconfig }),
      follow: async () => ({ kubeconfig: clinic.cluster.kubeconfig }),
    });
  });
});

describe('the install', () => {
  test('OBJECT_MISSING', () =>
    cure('OBJECT_MISSING', {
      provoke: async () => void succeeded(await clinic.admin('DELETE', `${POLICIES}/hikyaku-own-tokens`)),
    }));

  test('OBJECT_DIFFERS: a selector that somebody adds switches a policy off', () =>
    cure('OBJECT_DIFFERS', {
      async provoke() {
        const spec = { matchResources: { namespaceSelector: { matchLabels: { nobody: 'has-it' } } } };
        succeeded(await clinic.admin('PATCH', `${POLICIES}/hikyaku-own`, { spec }, MERGE_PATCH));
      },
    }));

  test('RIGHT_MISSING', () =>
    cure('RIGHT_MISSING', {
      provoke: async () => void succeeded(await clinic.admin('DELETE', `${RBAC}/clusterrolebindings/hikyaku-own`)),
    }));

  describe('RIGHT_TOO_MUCH', () => {
    const own = { kind: 'ServiceAccount', name: 'hikyaku', namespace: 'hikyaku' };
    const other = { kind: 'ServiceAccount', name: 'other', namespace: 'web' };
    const binding = `${RBAC}/clusterrolebindings/too-much`;
    async function bind(role: string, ...subjects: readonly object[]): Promise<void> {
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
      const body = { metadata: { name: 'too-much' }, roleRef, subjects };
      succeeded(await clinic.admin('POST', `${RBAC}/clusterrolebindings`, body));
    }
    async function tooMuch(visit: Visit = {}): Promise<Found | undefined> {
      const isIt = ({ code }: Found) => code === 'RIGHT_TOO_MUCH';
      return (await clinic.until(visit, (all) => expect(all.some(isIt)).toBe(true))).find(isIt);
    }

    afterEach(async () => {
      await clinic.admin('DELETE', binding);
      await clinic.admin('DELETE', `${RBAC}/clusterroles/lister`);
    });

    test('by a binding of its own: that is deleted', async () => {
      await cure('RIGHT_TOO_MUCH', { provoke: () => bind('cluster-admin', own) });
      expect((await clinic.admin('GET', binding)).status).toBe(404);
    });

    test('by one that others need: it alone is taken out, and only while it stands where it stood', async () => {
      const user = {
        kind: 'User',
        apiGroup: 'rbac.authorization.k8s.io',
        name: 'system:serviceaccount:hikyaku:hikyaku',
      };
      let command = '';
      await cure('RIGHT_TOO_MUCH', {
        provoke: () => bind('cluster-admin', own, other, user),
        follow: async (finding) => await clinic.follow((command = finding.command ?? '')),
      });
      const { body } = await clinic.admin('GET', binding);
      expect(field(body, 'subjects')).toEqual([other]);
      await expect(clinic.follow(command)).rejects.toThrow('422');
      expect(field((await clinic.admin('GET', binding)).body, 'subjects')).toEqual([other]);
    });

    test('by a group: nothing is said that would take it from the others', async () => {
      const name = 'system:serviceaccounts:hikyaku';
      await bind('cluster-admin', { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name });
      const finding = await tooMuch();
      expect(finding).toMatchObject({ advice: expect.stringContaining(name) });
      expect(finding).not.toHaveProperty('command');
    });

    test('by one that may not be looked at: first somebody looks who else is in it', async () => {
      const role = {
        metadata: { name: 'lister' },
        rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['list'] }],
      };
      succeeded(await clinic.admin('POST', `${RBAC}/clusterroles`, role));
      await bind('lister', own);
      const finding = await tooMuch(await asAgent());
      expect(finding?.command).toMatch(/^kubectl .*get clusterrolebinding\/too-much --output yaml$/);
    });
  });

  test('POLICY_NOT_ENFORCED', async () => {
    await cure('POLICY_NOT_ENFORCED', {
      visit: await asAgent(),
      provoke: async () => void succeeded(await clinic.admin('DELETE', `${POLICIES}/hikyaku-own`)),
      async follow({ advice, command = '' }) {
        expect(advice).toContain('restart the API servers');
        const looked = await clinic.doctor();
        expect(looked.find(({ thing }) => thing.endsWith('Binding hikyaku-own'))?.advice).toContain('restart the API');
        await clinic.follow(command);
      },
    });
  });

  test('HEAP_NOT_LIMITED', async () => {
    await cure('HEAP_NOT_LIMITED', {
      visit: { ...(await asAgent()), env: IN_POD },
      provoke: async () => {},
      async follow({ advice = '' }) {
        const nodeFlags = words(advice).filter((word) => word.startsWith('--'));
        expect(nodeFlags).toEqual(expect.arrayContaining([...V8_FLAGS]));
        return { nodeFlags };
      },
    });
  });
});

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

describe('grants', () => {
  async function patchGrants(data: object): Promise<void> {
    succeeded(await clinic.admin('PATCH', GRANTS, { data }, MERGE_PATCH));
  }

  test('GRANTS_MISSING', () =>
    cure('GRANTS_MISSING', { provoke: async () => void succeeded(await clinic.admin('DELETE', GRANTS)) }));
  test('GRANTS_INVALID', () =>
    cure('GRANTS_INVALID', { provoke: () => patchGrants({ 'grants.yaml': 'typos: [Opaque]\n' }) }));
  test('GRANTS_DISAGREE', () => cure('GRANTS_DISAGREE', { provoke: () => patchGrants({ types: 'Opaque,other' }) }));
  test('NOT_GRANTED', async () => {
    await cure('NOT_GRANTED', { provoke: () => clinic.write(plain({}, { labels: { team: 'web' } })) });
    await clinic.write(plain());
  });
});

describe('what owners give', () => {
  test('OWNER_ROLE_MISSING and MERGE_LABEL_MISSING', async () => {
    await createSecret(clinic.admin, 'web/theirs', { B: 'b' });
    const merge = { name: 'theirs', namespace: 'web', from: 'lab', data: { A: 'A' }, existing: 'merge' };
    await clinic.write({ ...plain(), secrets: [merge] });
    await cure('OWNER_ROLE_MISSING', { provoke: async () => {} });
    await cure('MERGE_LABEL_MISSING', { provoke: async () => {} });
    await clinic.write(plain());
  });

  test('RESTARTS_NOT_ALLOWED', async () => {
    await cure('RESTARTS_NOT_ALLOWED', { provoke: () => clinic.write(plain({}, { restart: true })) });
    await clinic.write(plain());
  });
});

describe('credentials', () => {
  const reference = { token: { secretRef: { name: 'doppler', key: 'token' } } };

  test('CREDENTIAL_UNUSABLE and SOURCE_UNAUTHENTICATED', async () => {
    clinic.typed = clinic.token;
    await cure('CREDENTIAL_UNUSABLE', { provoke: () => clinic.write(plain(reference)) });
    await cure('SOURCE_UNAUTHENTICATED', {
      provoke: async () =>
        void (await patchSecret(clinic.admin, 'hikyaku/doppler', { stringData: { token: 'dp.st.wrong' } })),
    });
    await clinic.write(plain());
  });

  test('CREDENTIAL_NOT_HERE', () =>
    cure('CREDENTIAL_NOT_HERE', {
      provoke: async () => ({ env: { DOPPLER_TOKEN: undefined } }),
      follow: async () => ({ env: {} }),
    }));

  test('CREDENTIAL_OPEN_TO_OTHERS', async () => {
    await cure('CREDENTIAL_OPEN_TO_OTHERS', {
      async provoke() {
        await writeFile(join(clinic.folder, 'token'), clinic.token);
        await chmod(join(clinic.folder, 'token'), 0o644);
        await clinic.write(plain({ token: { file: './token' } }));
      },
    });
    await clinic.write(plain());
  });

  test('IDENTITY_MISSING, CLUSTER_UNKNOWN, SEALED_WRONG, CREDENTIAL_OLD and SEALED_DOUBTFUL, one after the other', async () => {
    const { doppler, token } = clinic;
    if ((await readSecret(clinic.admin, 'hikyaku/hikyaku-identity')) !== undefined)
      await deleteSecret(clinic.admin, 'hikyaku/hikyaku-identity');
    const mine = { key: me.recipient, backup: true };
    const other = await generateIdentity();
    const recipients = { me: mine, other: other.recipient };
    const sealed = (text: string) => ({ token: { sealed: text } });
    const forMe = await sealToken(doppler, token, { me: me.recipient, other: other.recipient });
    await cure('IDENTITY_MISSING', {
      provoke: () => clinic.write(plain(sealed(forMe), {}, { recipients })),
      follow: async () => {
        await clinic.run();
        await eventually(async () => (await readSecret(clinic.admin, 'hikyaku/hikyaku-identity')) !== undefined);
        await clinic.forget();
      },
    });
    await cure('CLUSTER_UNKNOWN', { provoke: async () => {} });

    const here = await publicKeyOf(await readIdentity(clinic.admin));
    const both = { me: mine, devcluster: here };
    await cure('SEALED_WRONG', {
      provoke: async () =>
        clinic.write(plain(sealed(await sealToken(doppler, token, { me: me.recipient })), {}, { recipients: both })),
      async follow({ advice = '' }) {
        const [, command = ''] = /(hikyaku rewrap)/.exec(advice) ?? [];
        await clinic.follow(`${command} --config ${clinic.config}`);
      },
    });

    const options = {
      recipients: new Map([
        ['me', [me.recipient]],
        ['devcluster', [here]],
      ]),
      binding: bindingOf('doppler', 'token', [doppler.url]),
    };
    const old = await seal(SecretValue.of(token), { ...options, now: Date.now() - 2 * 365 * 24 * 3_600_000 });
    clinic.typed = clinic.doppler.serviceAccountToken();
    await cure('CREDENTIAL_OLD', { provoke: () => clinic.write(plain(sealed(old), {}, { recipients: both })) });

    await cure('SEALED_DOUBTFUL', {
      provoke: async () =>
        clinic.write(
          plain(
            sealed(await sealToken(doppler, token, { devcluster: here })),
            {},
            { recipients: { devcluster: here } },
          ),
        ),
      async follow({ advice = '' }) {
        expect(advice).toMatch(/^add your own key: .*, then hikyaku rewrap$/);
        await clinic.write(
          plain(sealed(await sealToken(doppler, token, { devcluster: here })), {}, { recipients: both }),
        );
        const key = join(clinic.folder, 'cluster.agekey');
        await writeFile(key, (await readIdentity(clinic.admin)).data['age.agekey'] ?? '', { mode: 0o600 });
        await clinic.follow(`hikyaku rewrap --config ${clinic.config} --identity ${key}`);
      },
    });
    await clinic.write(plain());
  });
});

describe('sources', () => {
  test('SOURCE_NAME_UNKNOWN', () =>
    cure(
      'SOURCE_NAME_UNKNOWN',
      edit(() => plain({ url: 'https://nobody.invalid' })),
    ));

  test('SOURCE_NOT_TRUSTED', async () => {
    const certificate = selfSignedCertificate();
    await using doppler = await startFakeDoppler({ tls: certificate });
    doppler.addConfig('lab', 'prd', { A: 'value-a' });
    const env = { DOPPLER_TOKEN: doppler.serviceAccountToken() };
    await cure('SOURCE_NOT_TRUSTED', {
      visit: { env },
      ...edit(
        () => plain({ url: doppler.url }),
        () => plain({ url: doppler.url, ca: certificate.cert }),
      ),
    });
    await clinic.write(plain());
  });

  test('SOURCE_PROXY', () =>
    cure('SOURCE_PROXY', {
      provoke: async () => ({ env: { HTTP_PROXY: 'http://127.0.0.1:1' } }),
      follow: async () => ({ env: { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '127.0.0.1' } }),
    }));

  test('SOURCE_UNREACHABLE', () =>
    cure(
      'SOURCE_UNREACHABLE',
      edit(() => plain({ url: 'http://127.0.0.1:1' })),
    ));
  test('SOURCE_NOT_FOUND', () =>
    cure(
      'SOURCE_NOT_FOUND',
      edit(() => plain({ project: 'nothing' })),
    ));
  test('SOURCE_UNUSABLE: a link that leads in a circle', () => {
    const path = join(clinic.folder, 'circle.json');
    return cure('SOURCE_UNUSABLE', {
      async provoke() {
        await symlink('circle.json', path);
        const secrets = [{ name: 'app', namespace: 'web', from: 'files' }];
        await clinic.write({ providers: { files: { type: 'file', path: 'circle.json' } }, secrets });
      },
      async follow() {
        await rm(path);
        await writeFile(path, '{}');
      },
    });
  });

  test('CONFIG_INVALID', () =>
    cure(
      'CONFIG_INVALID',
      edit(() => plain({}, { nane: 'app' })),
    ));

  test.each([
    ['SOURCE_FORBIDDEN', '403'],
    ['SOURCE_RATE_LIMITED', '429'],
    ['SOURCE_ANSWERS_WRONG', 'not-json'],
  ] as const)('%s', (code, kind) =>
    cure(code, {
      provoke: async () => clinic.doppler.fail({ kind, times: 1_000, retryAfter: 60 }),
      follow: async () => clinic.doppler.clearFaults(),
    }),
  );

  test('SECRET_NOT_THERE', async () => {
    clinic.typed = 'value-b';
    await cure('SECRET_NOT_THERE', { provoke: () => clinic.write(plain({}, { data: { B: 'B' } })) });
    await clinic.write(plain());
  });
});

describe('beside a running agent', () => {
  test('CONFIG_DIFFERS and VERSION_SKEW', async () => {
    await clinic.follow(
      `kubectl create configmap hikyaku-config --namespace hikyaku --from-file=hikyaku.yaml=${clinic.config} --dry-run=client -o yaml | kubectl apply -f -`,
    );
    await clinic.run(['--config-map'], await buildSaying('0.0.9', join(clinic.folder, 'build')));
    await cure('VERSION_SKEW', { provoke: async () => {}, follow: () => clinic.run(['--config-map']) });
    await cure('CONFIG_DIFFERS', { provoke: () => clinic.write(plain({}, {}, { resync: '11m' })) });
    await clinic.forget();
  });

  test('CONFIG_REFUSED, AGENT_UNWELL, AGENT_HOLDS and AGENT_SILENT', async () => {
    const daemon = join(clinic.folder, 'daemon.yaml');
    clinic.doppler.addConfig('many', 'prd', { K1: 'one', K2: 'two', K3: 'three', K4: 'four' });
    const good = {
      providers: { lab: source({ refresh: '1s' }), many: source({ project: 'many', refresh: '1s' }) },
      secrets: [{ name: 'many', namespace: 'web', from: 'many' }],
    };
    const foreign = { name: 'foreign', namespace: 'web', from: 'lab' };
    const more = { ...good, secrets: [...good.secrets, foreign] };
    await clinic.write(more);
    await clinic.follow(`hikyaku grants --config-map --config ${clinic.config} | kubectl apply -f -`);
    await clinic.write(good, daemon);
    clinic.start = () => clinic.run(['--config', daemon]);
    await clinic.start();
    await eventually(async () => (await readSecret(clinic.admin, 'web/many')) !== undefined);

    await cure('CONFIG_REFUSED', {
      provoke: () => clinic.write({ ...good, secrets: 'none' }, daemon),
      follow: () => clinic.write(good, daemon),
    });

    await createSecret(clinic.admin, 'web/foreign', { A: 'theirs' });
    await cure('AGENT_UNWELL', {
      // It says first that its source is still to be read.
      provoke: async () => {
        await clinic.write(more, daemon);
        await clinic.until({}, (all) =>
          expect(all.find(({ code }) => code === 'AGENT_UNWELL')?.message).toContain('kubectl label secret'),
        );
      },
      async follow({ message, command = '' }) {
        const [, label = ''] = /(kubectl label secret \S+ --namespace \S+ \S+)/.exec(message) ?? [];
        await clinic.follow(label);
        // It may still be at what it was refused.
        await eventually(() =>
          clinic.follow(command).then(
            () => true,
            () => false,
          ),
        );
      },
    });

    await cure('AGENT_HOLDS', {
      provoke: async () => {
        for (const name of ['K1', 'K2', 'K3']) clinic.doppler.remove('many', 'prd', name);
      },
    });
    expect(Object.keys((await readSecret(clinic.admin, 'web/many'))?.data ?? {})).not.toContain('K1');

    await clinic.stop();
    await cure('AGENT_SILENT', { visit: { args: ['--timeout', '20s'] }, provoke: async () => {} });
    const deployment = { metadata: { name: 'hikyaku' }, spec: DEPLOYMENT };
    succeeded(await clinic.admin('POST', '/apis/apps/v1/namespaces/hikyaku/deployments', deployment));
    await clinic.stop();
    const silent = await clinic.doctor({ args: ['--timeout', '20s'] });
    expect(silent.find(({ code }) => code === 'AGENT_SILENT')?.command).toContain('rollout restart deployment/hikyaku');
  });
});

const DEPLOYMENT = {
  selector: { matchLabels: { app: 'hikyaku' } },
  template: { metadata: { labels: { app: 'hikyaku' } }, spec: { containers: [{ name: 'hikyaku', image: 'none' }] } },
};

test('each finding that there is was provoked', () => {
  expect(Object.keys(FINDINGS).filter((code) => !seen.has(code))).toEqual([]);
});

test('all is well: exit code 0 in a pod with good flags', async () => {
  const visit = {
    ...(await asAgent()),
    env: IN_POD,
    nodeFlags: [...V8_FLAGS],
    args: ['--allow-origin', clinic.doppler.url],
  };
  await clinic.write(plain());
  await clinic.follow('hikyaku grants --config-map | kubectl apply -f -');
  await clinic.until(visit, (all) => expect(all.filter(({ code }) => code !== 'OK')).toEqual([]));
  expect(field(await clinic.doctor(visit), 0, 'code')).toBe('OK');
});

test.each<[string, readonly string[], Readonly<Record<string, string>>]>([
  ['', [], {}],
  [' that has the variable of a pod, and names a kubeconfig,', [], IN_POD],
  [' that has the variable of a pod, and names a context,', ['--context', 'test'], IN_POD],
  [' that has the variable of a pod, and names contexts,', ['--contexts', 'test'], IN_POD],
])(
  'on a laptop%s the config of the cluster is not examined with the credentials of the laptop',
  async (_, flags, more) => {
    const { kubeconfig } = clinic.cluster;
    const told = flags.length === 0 ? ['--kubeconfig', kubeconfig] : flags;
    const args = ['doctor', '--config-map', ...told];
    const done = await hikyaku(args, { env: { ...clinic.env, KUBECONFIG: kubeconfig, ...more } });
    expectExit(done, 2);
    expect(done.stderr).toContain('--config-map is for the pod');
    expect(done.stdout).toBe('');
  },
);
