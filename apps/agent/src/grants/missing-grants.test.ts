import { DEFAULT_GRANTS, formatGrants, readGrantsFile } from '@hikyaku/config';
import type { Grants, SecretEntry } from '@hikyaku/config';
import { describe, expect, test } from 'vitest';
import { missingGrants } from './missing-grants.ts';
import type { HeldGrants } from './held-grants.ts';
import type { Needs } from './needs.ts';
import { NO_NEEDS } from './needs.test.kit.ts';
import { smallestGrants } from './smallest-grants.ts';

const digest = `sha256-${'A'.repeat(43)}=`;
const other = `sha256-${'B'.repeat(43)}=`;
const position = { file: 'hikyaku.yaml', line: 1, column: 1 };

function secret(id: string, more: Partial<SecretEntry> = {}): SecretEntry {
  const [namespace = '', name = ''] = id.split('/');
  return {
    namespace,
    name,
    bulk: [],
    items: new Map(),
    keyNames: 'strict',
    type: 'Opaque',
    labels: {},
    annotations: {},
    immutable: false,
    existing: 'refuse',
    whenRemoved: 'delete',
    recreate: false,
    position,
    ...more,
  };
}

const EVERYTHING: Needs = {
  ...NO_NEEDS,
  secrets: [
    secret('argocd/repo', { labels: { team: 'web' }, annotations: { 'example.com/note': 'x' } }),
    secret('web/tls', { type: 'kubernetes.io/tls' }),
  ],
  origins: [
    { source: 'nas', what: 'http://127.0.0.1:8080' },
    { source: 'homelab', what: 'https://api.doppler.com' },
  ],
  plugIns: [
    { source: 'vault', name: './vault.ts', digest },
    { source: 'bao', name: 'bao', path: 'plugins/bao.ts', digest: other },
  ],
  files: [
    { source: 'f', what: '/srv/secrets/app.env', as: 'source' },
    { source: 'homelab', what: '/srv/tokens/doppler', as: 'credential' },
    { source: 'nas', what: '/config/ca.pem', as: 'certificates' },
  ],
  pushes: [{ from: 'web/app', to: 'homelab' }],
  folder: '/config',
};

/** As they are after they were written to a file and read again. */
function held(grants: Grants): HeldGrants {
  return { ...readGrantsFile({ path: 'grants.yaml', text: formatGrants(grants) }), where: 'grants.yaml' };
}

function wordsMissing(needs: Needs, grants: Grants): readonly string[] {
  return missingGrants(needs, held(grants)).map(({ code, entry }) => `${code} ${entry}`);
}

describe('what is missing', () => {
  test('is nothing for a config that asks for nothing', () => {
    expect(missingGrants(NO_NEEDS, held(DEFAULT_GRANTS))).toEqual([]);
  });

  test('is told with code, entry, what is wrong, and the line for all of it', () => {
    expect(missingGrants(EVERYTHING, held({ ...DEFAULT_GRANTS, types: ['Opaque'], names: ['web/tls'] }))).toEqual([
      {
        code: 'PLUGIN_NOT_GRANTED',
        entry: 'source vault',
        message: 'the plug-in ./vault.ts may not run',
        line: `plugins: { ./vault.ts: { digest: ${digest} }, bao: { path: plugins/bao.ts, digest: ${other} } }`,
      },
      {
        code: 'PLUGIN_NOT_GRANTED',
        entry: 'source bao',
        message: 'the plug-in bao may not run',
        line: `plugins: { ./vault.ts: { digest: ${digest} }, bao: { path: plugins/bao.ts, digest: ${other} } }`,
      },
      {
        code: 'ORIGIN_NOT_GRANTED',
        entry: 'source nas',
        message: 'http://127.0.0.1:8080 may not be reached: it is what surrounds the agent',
        line: 'origins: [http://127.0.0.1:8080, https://api.doppler.com]',
      },
      {
        code: 'FILE_NOT_GRANTED',
        entry: 'source f',
        message: 'the file /srv/secrets/app.env may not be read: it is outside of /config',
        line: 'files: /srv',
      },
      {
        code: 'FILE_NOT_GRANTED',
        entry: 'source homelab',
        message: 'the credential /srv/tokens/doppler may not be read: it is outside of /config',
        line: 'files: /srv',
      },
      {
        code: 'NAMESPACE_RESERVED',
        entry: 'Secret argocd/repo',
        message: 'the namespace argocd is reserved',
        line: 'reservedNamespaces: [kube-system, kube-public, kube-node-lease, flux-system]',
      },
      {
        code: 'NAME_NOT_GRANTED',
        entry: 'Secret argocd/repo',
        message: 'it is not among the names that may be written',
        line: 'names: [web/tls, argocd/repo]',
      },
      {
        code: 'METADATA_NOT_GRANTED',
        entry: 'Secret argocd/repo',
        message: 'the label team may not be set',
        line: 'metadataPrefixes: [app.kubernetes.io/, team, example.com/note]',
      },
      {
        code: 'METADATA_NOT_GRANTED',
        entry: 'Secret argocd/repo',
        message: 'the annotation example.com/note may not be set',
        line: 'metadataPrefixes: [app.kubernetes.io/, team, example.com/note]',
      },
      {
        code: 'TYPE_NOT_GRANTED',
        entry: 'Secret web/tls',
        message: 'the type kubernetes.io/tls may not be written',
        line: 'types: [Opaque, kubernetes.io/tls]',
      },
      {
        code: 'PUSH_NOT_GRANTED',
        entry: 'push web/app',
        message: 'it may not be carried to homelab',
        line: 'pushes: [{ from: web/app, to: homelab }]',
      },
    ]);
  });

  test('is nothing once each of these lines stands in the file', () => {
    const lines = new Set(missingGrants(EVERYTHING, held(DEFAULT_GRANTS)).flatMap(({ line }) => line ?? []));
    const text = [...lines].join('\n');
    expect(missingGrants(EVERYTHING, { ...readGrantsFile({ path: 'g', text }), where: 'g' })).toEqual([]);
  });

  test('a plug-in with another digest or another path is not the one that may run', () => {
    const plugins = new Map([
      ['./vault.ts', { digest: other, position }],
      ['bao', { path: 'elsewhere.ts', digest: other, position }],
    ]);
    const told = missingGrants({ ...NO_NEEDS, plugIns: EVERYTHING.plugIns }, held({ ...DEFAULT_GRANTS, plugins }));
    expect(told.map(({ message }) => message)).toEqual([
      'the plug-in ./vault.ts is not the file that may run: its digest is another one',
      'the plug-in bao may run only as elsewhere.ts',
    ]);
  });

  test('an origin that surrounds the agent has to be named; others only where origins are limited', () => {
    const origins = ['http://[::1]', 'http://169.254.169.254', 'https://kubernetes.default.svc', 'https://a.example'];
    const needs = { ...NO_NEEDS, origins: origins.map((what) => ({ source: what, what })) };
    const open = wordsMissing(needs, DEFAULT_GRANTS);
    expect(open).toEqual(origins.slice(0, 3).map((origin) => `ORIGIN_NOT_GRANTED source ${origin}`));
    expect(wordsMissing(needs, { ...DEFAULT_GRANTS, origins: [] })).toHaveLength(4);
    expect(wordsMissing(needs, { ...DEFAULT_GRANTS, origins })).toEqual([]);
  });

  test('files beside the config need no grant; others have to be below the one directory', () => {
    const files = ['/config/a.env', '/srv/b.env'].map((what) => ({ source: what, what, as: 'source' }) as const);
    expect(wordsMissing({ ...NO_NEEDS, files }, DEFAULT_GRANTS)).toEqual(['FILE_NOT_GRANTED source /srv/b.env']);
    expect(wordsMissing({ ...NO_NEEDS, files }, { ...DEFAULT_GRANTS, files: '/srv' })).toEqual([]);
    expect(wordsMissing({ ...NO_NEEDS, files }, { ...DEFAULT_GRANTS, files: '/srv/b' })).toHaveLength(1);
  });

  test('everything is, of Secrets, while the policy has no lists', () => {
    const [first] = missingGrants({ ...NO_NEEDS, secrets: [secret('web/a')] }, { ...held(DEFAULT_GRANTS), policy: {} });
    expect(first).toEqual({
      code: 'LISTS_MISSING',
      entry: 'Secret web/a',
      message: 'the list types is missing: every write is refused',
    });
  });
});

describe('the smallest grants', () => {
  const smallest = smallestGrants(EVERYTHING);

  test('of a Secret that is merged into are its name: type and labels are up to its owner', () => {
    const needs = { ...NO_NEEDS, secrets: [secret('web/theirs', { existing: 'merge' })] };
    expect(smallestGrants(needs)).toMatchObject({ types: [], metadataPrefixes: [], names: ['web/theirs'] });
    expect(missingGrants(needs, held(smallestGrants(needs)))).toEqual([]);
  });

  test('let everything pass that is asked for', () => {
    expect(missingGrants(EVERYTHING, held(smallest))).toEqual([]);
    expect(missingGrants(NO_NEEDS, held(smallestGrants(NO_NEEDS)))).toEqual([]);
  });

  const without = <Entry>(list: readonly Entry[], index: number): readonly Entry[] => list.toSpliced(index, 1);
  const smaller: readonly (readonly [string, Grants])[] = [
    ...(['types', 'metadataPrefixes', 'names', 'origins'] as const).flatMap((word) =>
      (smallest[word] ?? []).map((entry, index): [string, Grants] => [
        `${word} without ${entry}`,
        { ...smallest, [word]: without(smallest[word] ?? [], index) },
      ]),
    ),
    ...[...smallest.plugins.keys()].map((name): [string, Grants] => [
      `plugins without ${name}`,
      { ...smallest, plugins: new Map([...smallest.plugins].filter(([one]) => one !== name)) },
    ]),
    ['argocd reserved', { ...smallest, reservedNamespaces: [...smallest.reservedNamespaces, 'argocd'] }],
    ['pushes without the one', { ...smallest, pushes: [] }],
    ['a narrower root', { ...smallest, files: '/srv/secrets' }],
    ['no root', withoutFiles(smallest)],
  ];

  test.each(smaller)('are too small with less: %s', (_, grants) => {
    expect(missingGrants(EVERYTHING, held(grants))).not.toEqual([]);
  });

  test('cannot be written for an npm package, nor for the whole file system', () => {
    const plugIns = [{ source: 'a', name: 'vault', problem: 'the npm package vault cannot be granted' }];
    expect(() => smallestGrants({ ...NO_NEEDS, plugIns })).toThrow('the npm package vault cannot be granted');
    const files = [
      { source: 'a', what: '/srv/a', as: 'source' },
      { source: 'b', what: '/etc/b', as: 'source' },
    ] as const;
    expect(() => smallestGrants({ ...NO_NEEDS, files })).toThrow('have no directory in common but /');
  });
});

function withoutFiles({ files: _files, ...rest }: Grants): Grants {
  return rest;
}

test('a credential that is not bound goes to another origin than the usual one only where that is named', () => {
  const [source, what, usual] = ['home', 'https://relay.example', 'https://api.doppler.com'];
  const needs: Needs = {
    ...NO_NEEDS,
    origins: [{ source, what }],
    destinations: [{ source, what, usual, credentials: ['token'] }],
  };
  const { origins: _, ...unlimited } = DEFAULT_GRANTS;
  expect(missingGrants(needs, held(unlimited))).toEqual([
    {
      code: 'ORIGIN_NOT_GRANTED',
      entry: 'source home',
      message:
        'token may not be sent to https://relay.example: what is not sealed goes to https://api.doppler.com only',
      line: 'origins: [https://relay.example]',
    },
  ]);
  expect(missingGrants(needs, held({ ...DEFAULT_GRANTS, origins: [what] }))).toEqual([]);
  expect(missingGrants(needs, held({ ...DEFAULT_GRANTS, origins: [] }))).toHaveLength(1);
  const anywhere: Needs = { ...needs, destinations: [{ source, what, credentials: ['token'] }] };
  expect(missingGrants(anywhere, held(unlimited)).map(({ message }) => message)).toEqual([
    'token may not be sent to https://relay.example: what is not sealed goes only where that is named',
  ]);
});

describe('restarts', () => {
  const needs: Needs = {
    ...NO_NEEDS,
    restarts: [
      { secret: 'web/app', workload: 'web/Deployment/web' },
      { secret: 'web/db', workload: 'web/StatefulSet/db' },
      { secret: 'mail/app', workload: 'mail/*' },
    ],
  };

  test('are granted by name or by namespace; the line names all that is missing', () => {
    const grants = { ...DEFAULT_GRANTS, restarts: ['web/Deployment/web', 'mail/Deployment/mail'] };
    const line = 'restarts: [web/Deployment/web, mail/Deployment/mail, web/StatefulSet/db, mail/*]';
    expect(missingGrants(needs, held(grants))).toEqual([
      {
        code: 'RESTART_NOT_GRANTED',
        entry: 'Secret web/db',
        message: 'StatefulSet/db of the namespace web may not be restarted',
        line,
      },
      {
        code: 'RESTART_NOT_GRANTED',
        entry: 'Secret mail/app',
        message: 'not everything that uses it may be restarted in the namespace mail',
        line,
      },
    ]);
    expect(missingGrants(needs, held({ ...DEFAULT_GRANTS, restarts: ['web/*', 'mail/*'] }))).toEqual([]);
  });

  test('are in the smallest grants, those of a whole namespace in one', () => {
    const more = { secret: 'mail/db', workload: 'mail/Deployment/mail' };
    const smallest = smallestGrants({ ...needs, restarts: [...needs.restarts, more] });
    expect(smallest.restarts).toEqual(['mail/*', 'web/Deployment/web', 'web/StatefulSet/db']);
    expect(missingGrants(needs, held(smallest))).toEqual([]);
  });
});
