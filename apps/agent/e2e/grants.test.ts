import { stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { eventually, expectExit, field, hikyaku, succeeded } from '@hikyaku/testbed';
import type { Finished } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { allExamples } from './examples/all-examples.ts';
import { ExampleStage } from './examples/example-stage.ts';
import { giveSecrets } from './examples/give-secrets.ts';
import type { PreparedExample } from './examples/prepare-example.ts';

// Each example as it runs in a pod, with the grants that `hikyaku grants` writes for it, and with one of them less.

const IN_POD = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '443' };
const DEFAULT_RESERVED = ['kube-system', 'kube-public', 'kube-node-lease', 'flux-system', 'argocd'];

type GrantsFile = Readonly<Record<string, unknown>>;

let stage: ExampleStage;
let grantedTimes = 0;

beforeAll(async () => {
  stage = await ExampleStage.open();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

describe.each(Object.entries(allExamples))('%s', (name, example) => {
  let prepared: PreparedExample;
  let grants: GrantsFile;
  let beside: string;

  beforeAll(async () => {
    prepared = await stage.prepare(name, example);
    const { path } = prepared;
    beside = join((await stat(path)).isDirectory() ? path : dirname(path), 'grants.yaml');
    grants = parse(succeededText(await hikyaku(['grants', '--config', path])));
    await giveSecrets(stage.cluster, example);
  });

  test('works in a pod with the ConfigMap that hikyaku grants writes for it', async () => {
    await stage.removeOurs();
    const text = succeededText(await hikyaku(['grants', '--config', prepared.path, '--config-map']));
    await apply(parse(text));
    const finished = await sync(prepared);
    expectExit(finished, 0);
    const document = JSON.parse(finished.stdout);
    expect(document.secrets.map((secret: object) => field(secret, 'secret')).toSorted()).toEqual(
      Object.keys(example.secrets).toSorted(),
    );
    expect(document.secrets.every((secret: object) => field(secret, 'outcome') === 'created')).toBe(true);
    expect(document.grants).toMatchObject({ problems: [], missing: [], lines: [] });
  });

  test('and beside it hikyaku validate finds nothing missing', async () => {
    expect(await missingWith(grants)).toEqual([]);
  });

  test('with one grant less, whichever, something is missing, and is told with the line that was there', async () => {
    const smaller = oneLess(grants);
    expect(smaller.length).toBeGreaterThan(2);
    for (const { title, less } of smaller) {
      expect({ title, missing: (await missingWith(less)).length > 0 }).toEqual({ title, missing: true });
    }
  });

  test('with one grant less of each kind it does not work in a pod', async () => {
    const words = new Set<string>();
    for (const { word, title, less } of oneLess(grants)) {
      if (words.has(word)) continue;
      words.add(word);
      await stage.removeOurs();
      await apply({ data: { ...listsOf(less), 'grants.yaml': stringify(less) } });
      const { exitCode } = await sync(prepared);
      expect({ title, works: exitCode === 0 }).toEqual({ title, works: false });
    }
  });

  async function missingWith(less: GrantsFile): Promise<readonly unknown[]> {
    await writeFile(beside, stringify(less));
    const flags = ['validate', '--json', '--config', prepared.path];
    const document: unknown = JSON.parse(succeededText(await hikyaku(flags, { env: prepared.env })));
    const missing = field(document, 'grants', 'missing');
    if (!Array.isArray(missing)) throw new Error('validate did not see grants.yaml');
    return missing;
  }
});

interface Smaller {
  readonly word: string;
  readonly title: string;
  readonly less: GrantsFile;
}

/** The grants without each of their items; what is reserved is less when there is more of it. */
function oneLess(grants: GrantsFile): readonly Smaller[] {
  return Object.entries(grants).flatMap(([word, value]): Smaller[] => {
    const { [word]: _, ...others } = grants;
    if (word === 'version') return [];
    if (word === 'reservedNamespaces') {
      const list: readonly unknown[] = Array.isArray(value) ? value : [];
      const free = DEFAULT_RESERVED.filter((namespace) => !list.includes(namespace));
      return free.map((one) => ({ word, title: `${one} reserved`, less: { ...grants, [word]: [...list, one] } }));
    }
    if (Array.isArray(value)) {
      return value.map((item, index) => ({
        word,
        title: `${word} without ${JSON.stringify(item)}`,
        less: { ...grants, [word]: value.toSpliced(index, 1) },
      }));
    }
    if (typeof value !== 'object' || value === null) return [{ word, title: `without ${word}`, less: others }];
    return Object.keys(value).map((key) => ({
      word,
      title: `${word} without ${key}`,
      less: { ...grants, [word]: Object.fromEntries(Object.entries(value).filter(([one]) => one !== key)) },
    }));
  });
}

function listsOf(grants: GrantsFile): Readonly<Record<string, string>> {
  const lists = ['types', 'metadataPrefixes', 'reservedNamespaces', 'names'].flatMap((word) => {
    const value = grants[word];
    return Array.isArray(value) ? [[word, value.join(', ')]] : [];
  });
  return Object.fromEntries(lists);
}

/** Puts the grants, and waits until the server goes by them: it does when a type that only they have is let through. */
async function apply(manifest: unknown): Promise<void> {
  const mark = `example.com/mark-${(grantedTimes += 1)}`;
  const data: unknown = field(manifest, 'data');
  const path = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
  const marked = { ...Object(data), types: `${String(field(data, 'types'))}, ${mark}` };
  succeeded(await stage.cluster.admin('PUT', path, { metadata: { name: 'hikyaku-grants' }, data: marked }));
  await eventually(async () => {
    const metadata = { name: 'hikyaku-mark', labels: { 'hikyaku.dev/agent': 'hikyaku' } };
    const secret = { metadata, type: mark };
    return (await stage.own('POST', '/api/v1/namespaces/hikyaku/secrets?dryRun=All', secret)).status === 201;
  });
}

async function sync({ path, env }: PreparedExample): Promise<Finished> {
  return await hikyaku(['sync', '--json', '--config', path], {
    env: { ...env, ...IN_POD, KUBECONFIG: stage.kubeconfig },
  });
}

function succeededText(finished: Finished): string {
  expectExit(finished, 0);
  return finished.stdout;
}
