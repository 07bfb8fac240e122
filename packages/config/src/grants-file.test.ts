import { describe, expect, test } from 'vitest';
import { DEFAULT_GRANTS, grantsPush } from './grants.ts';
import { parseGrants } from './grants-file.ts';
import { grantsJsonSchema } from './grants-json-schema.ts';
import { formatGrants } from './grants-text.ts';
import { formatProblems } from './problem.ts';

const digest = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';

function read(text: string) {
  const result = parseGrants({ path: 'grants.yaml', text });
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return result.grants;
}

function problemsOf(text: string): string {
  const result = parseGrants({ path: 'grants.yaml', text });
  return result.ok ? '' : formatProblems(result.problems);
}

const FULL = `
version: 1
types: [Opaque, example.com/my-type]
metadataPrefixes: [app.kubernetes.io/, team]
reservedNamespaces: []
names: [web/app-env, web/tls.example]
origins: ["https://api.doppler.com", "http://127.0.0.1:8080", "https://[::1]:8443"]
plugins:
  vault: { path: plugins/vault.ts, digest: ${digest} }
  ./other.ts: { digest: ${digest} }
files: /srv/secrets
pushes:
  - { from: web/app-env, to: homelab }
restarts: [web/Deployment/web, "mail/*"]
`;

describe('grants.yaml', () => {
  test('is read with all its words', () => {
    const grants = read(FULL);
    expect({ ...grants, plugins: [...grants.plugins] }).toEqual({
      types: ['Opaque', 'example.com/my-type'],
      metadataPrefixes: ['app.kubernetes.io/', 'team'],
      reservedNamespaces: [],
      names: ['web/app-env', 'web/tls.example'],
      origins: ['https://api.doppler.com', 'http://127.0.0.1:8080', 'https://[::1]:8443'],
      plugins: [
        ['vault', { path: 'plugins/vault.ts', digest, position: { file: 'grants.yaml', line: 9, column: 3 } }],
        ['./other.ts', { digest, position: { file: 'grants.yaml', line: 10, column: 3 } }],
      ],
      files: '/srv/secrets',
      pushes: [{ from: 'web/app-env', to: 'homelab', position: { file: 'grants.yaml', line: 13, column: 5 } }],
      restarts: ['web/Deployment/web', 'mail/*'],
    });
  });

  test('grants the defaults where it says nothing, and no code, push or file', () => {
    expect(read('version: 1')).toEqual(DEFAULT_GRANTS);
  });

  test('an empty list grants nothing, and is not the default', () => {
    expect(read('types: []\nnames: []\norigins: []')).toMatchObject({ types: [], names: [], origins: [] });
  });

  test('what is written from it reads back as the same', () => {
    const grants = read(FULL);
    const again = read(formatGrants(grants));
    const withoutPositions = JSON.parse(JSON.stringify([again, [...again.plugins]], leavePositionsOut));
    expect(withoutPositions).toEqual(JSON.parse(JSON.stringify([grants, [...grants.plugins]], leavePositionsOut)));
    expect(read(formatGrants(DEFAULT_GRANTS))).toEqual(DEFAULT_GRANTS);
  });

  test('grants a push only of this Secret to this source', () => {
    const grants = read(FULL);
    expect(grantsPush(grants, { from: 'web/app-env', to: 'homelab' })).toBe(true);
    expect(grantsPush(grants, { from: 'web/app-env', to: 'nas' })).toBe(false);
    expect(grantsPush(grants, { from: 'web/app', to: 'homelab' })).toBe(false);
  });

  test('all that is wrong is said at once, each with its place and the nearest right word', () => {
    const text = `
type: [Opaque]
names:
  - web/app-env
  - web
  - web/a,b
origins: ["https://api.doppler.com/", "api.doppler.com", "https://ann@example.com"]
plugins:
  vault: { digest: sha256-short }
  other: {}
files: secrets
pushes:
  - { from: web/app-env }
`;
    expect(problemsOf(text).split('\n')).toEqual([
      'grants.yaml:2:1: type: unknown key `type`; did you mean `types`?',
      'grants.yaml:5:5: names[1]: `names[1]` must be NAMESPACE/NAME of a Secret',
      'grants.yaml:6:5: names[2]: `names[2]` must be NAMESPACE/NAME of a Secret',
      'grants.yaml:7:11: origins[0]: `origins[0]` must be an origin such as `https://api.doppler.com`: lower case, no path, no port that goes without saying',
      'grants.yaml:7:39: origins[1]: `origins[1]` must be an origin such as `https://api.doppler.com`',
      'grants.yaml:7:58: origins[2]: `origins[2]` must be an origin such as `https://api.doppler.com`: lower case, no path, no port that goes without saying',
      'grants.yaml:9:20: plugins.vault.digest: `digest` must be `sha256-` and the base64 of the file’s SHA-256: `hikyaku grants` writes it',
      'grants.yaml:10:10: plugins.other.digest: `digest` is missing',
      'grants.yaml:11:8: files: `files` must be the absolute path of a directory',
      'grants.yaml:13:5: pushes[0].to: `to` is missing',
    ]);
  });

  test.each([
    ['types: ["a,b"]', 'without spaces and commas'],
    ['types: [" Opaque"]', 'without spaces and commas'],
    ['types: ["a\\nb"]', 'without spaces and commas'],
    ['types: [kubernetes.io/service-account-token]', 'may never be granted: Kubernetes fills such a Secret'],
    ['metadataPrefixes: ["a, b"]', 'must be a prefix that ends in `/`, or one key'],
    ['metadataPrefixes: [hikyaku.dev/]', 'these keys are hikyaku’s own'],
    ['metadataPrefixes: [/]', 'must have a DNS name before the `/`'],
    ['metadataPrefixes: ["*"]', 'must be letters, digits'],
    ['reservedNamespaces: [Kube-System]', 'must be lower-case letters'],
    ['files: /', 'must be the absolute path of a directory'],
    ['restarts: [web/web]', 'must be NAMESPACE/KIND/NAME'],
    ['restarts: [web/Job/web]', 'must be NAMESPACE/KIND/NAME'],
    ['restarts: ["*/*"]', 'must be NAMESPACE/KIND/NAME'],
    ['restarts: ["web/Deployment/*"]', 'must be NAMESPACE/KIND/NAME'],
    ['restarts: ["web/Deployment/a,b/*"]', 'must be NAMESPACE/KIND/NAME'],
    ['pushes: { from: web/a, to: b }', '`pushes` must be a list, got a mapping'],
    ['plugins: [a]', '`plugins` must be a mapping, got a list'],
    ['', 'the file is empty; a smallest one is `version: 1`, which grants the defaults'],
    ['types: [a', 'not closed'],
  ])('%s is refused', (text, said) => {
    expect(problemsOf(text)).toContain(said);
  });

  test('has a JSON Schema with a description for each word', () => {
    const { properties } = JSON.parse(JSON.stringify(grantsJsonSchema()));
    expect(Object.keys(properties)).toEqual([
      'version',
      'types',
      'metadataPrefixes',
      'reservedNamespaces',
      'names',
      'origins',
      'plugins',
      'files',
      'pushes',
      'restarts',
    ]);
    for (const word of Object.values(properties)) expect(word).toHaveProperty('description');
  });
});

function leavePositionsOut(key: string, value: unknown): unknown {
  return key === 'position' ? undefined : value;
}
