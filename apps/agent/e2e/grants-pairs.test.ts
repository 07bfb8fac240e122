import { policyRefusals, readPolicyGrants } from '@hikyaku/config';
import type { GrantsData, WantedSecret } from '@hikyaku/config';
import {
  createNamespace,
  createSecret,
  eventually,
  field,
  installRights,
  startCluster,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, ApiAnswer, Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NAMESPACES, PAIR_GROUPS } from './grants/pairs.ts';

// What the agent says beforehand of a Secret, and what the API server's policy then does, pair by pair.

let cluster: Cluster;
let agent: Api;

beforeAll(async () => {
  cluster = await startCluster();
  agent = await installRights(cluster);
  await Promise.all([...NAMESPACES, 'marked-0', 'marked-1'].map((name) => createNamespace(cluster.admin, name)));
  const theirs = { type: 'example.com/theirs', labels: { theirs: 'x', 'hikyaku.dev/merge': 'hikyaku' } };
  for (const namespace of ['web', 'flux-system'])
    await createSecret(cluster.admin, `${namespace}/merged`, { theirs: 'x' }, theirs);
});
afterAll(async () => {
  await cluster?.stop();
});

test('there are more than forty pairs, some of which pass', () => {
  const pairs = PAIR_GROUPS.flatMap(({ data, secrets }) =>
    Object.values(secrets).map((secret) => policyRefusals(readPolicyGrants(data), secret).length === 0),
  );
  expect(pairs.length).toBeGreaterThan(60);
  expect(pairs.filter((passes) => passes).length).toBeGreaterThan(20);
});

describe.each(PAIR_GROUPS.map((group, index) => ({ ...group, index })))('$title', ({ data, secrets, index }) => {
  let granted: GrantsData;

  beforeAll(async () => {
    granted = await grant(data, index);
  });

  test.each(Object.entries(secrets))('%s: the policy and the agent agree', async (_, secret) => {
    const [refusal] = policyRefusals(readPolicyGrants(granted), secret);
    expect(wordOf(await write(secret))).toBe(refusal?.word ?? 'passes');
  });
});

/**
 * Puts the grants and waits until the server goes by them, which it does a moment later. A mark that is not in the way of the
 * Secrets tells: one of two namespaces is reserved, in turn. Where that list is itself what is looked at, a type is the mark.
 */
async function grant(data: GrantsData, index: number): Promise<GrantsData> {
  const mark = `example.com/mark-${index}`;
  const reserved = data['reservedNamespaces'];
  const types = data['types'];
  const byType = reserved === '' || reserved === undefined;
  const marked = byType
    ? { ...data, ...(types !== undefined && { types: `${types},${mark}` }) }
    : { ...data, reservedNamespaces: `${reserved},marked-${index % 2}` };
  const path = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
  succeeded(await cluster.admin('PUT', path, { metadata: { name: 'hikyaku-grants' }, data: marked }));
  const isComplete = ['types', 'metadataPrefixes', 'reservedNamespaces'].every((list) => list in data);
  await eventually(async () => {
    if (!isComplete) return (await wordIn('web', 'Opaque')) === 'grants';
    if (byType) return (await wordIn('hikyaku', mark)) === 'passes';
    const [here, other] = [
      await wordIn(`marked-${index % 2}`, 'Opaque'),
      await wordIn(`marked-${1 - (index % 2)}`, 'Opaque'),
    ];
    return here === 'namespace' && other !== 'namespace' && other !== 'grants';
  });
  return marked;
}

async function wordIn(namespace: string, type: string): Promise<string> {
  const secret = { namespace, name: 'hikyaku-mark', type, labels: {}, annotations: {} };
  return wordOf(await write(secret));
}

/** As a dry run, with the agent's rights. */
async function write(secret: WantedSecret): Promise<ApiAnswer> {
  const path = `/api/v1/namespaces/${secret.namespace}/secrets`;
  if (secret.existing !== 'merge') return await agent('POST', `${path}?dryRun=All`, written(secret));
  const live = succeeded(await cluster.admin('GET', `${path}/${secret.name}`));
  const data = { ...Object(field(live, 'data')), ours: 'eA==' };
  return await agent('PUT', `${path}/${secret.name}?dryRun=All`, { ...Object(live), data });
}

/** As the agent writes what a config asks for. */
function written({ namespace, name, type, labels, annotations }: WantedSecret): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      namespace,
      name,
      labels: { ...labels, 'app.kubernetes.io/managed-by': 'hikyaku', 'hikyaku.dev/agent': 'hikyaku' },
      annotations: {
        ...annotations,
        'hikyaku.dev/sources': 'homelab',
        'kustomize.toolkit.fluxcd.io/prune': 'disabled',
      },
    },
    type,
    data: { username: 'eA==' },
  };
}

/** `passes`, or the first word of the policy's message; anything else is no verdict of the policy. */
function wordOf({ status, body, text }: ApiAnswer): string {
  if (status === 201 || status === 200) return 'passes';
  const [, word] = / denied request: hikyaku: ([a-z ]+): /.exec(String(field(body, 'message'))) ?? [];
  if (status !== 422 || word === undefined) throw new Error(`no verdict: ${status} ${text}`);
  return word;
}
