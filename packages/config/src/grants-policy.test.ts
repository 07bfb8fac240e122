import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { DEFAULT_GRANTS } from './grants.ts';
import { parseGrants } from './grants-file.ts';
import { grantsRestart, policyRefusals, readPolicyGrants } from './grants-policy.ts';
import { grantsData } from './grants-text.ts';
import { isMapping } from './place.ts';

const secret = { namespace: 'web', name: 'app-env', type: 'Opaque', labels: {}, annotations: {} };

describe('the lists that the policy reads', () => {
  test('deploy/grants.yaml says the same in them as in its grants.yaml', async () => {
    const text = await readFile(new URL('../../../deploy/grants.yaml', import.meta.url), 'utf8');
    const { data } = parse(text);
    const result = parseGrants({ path: 'grants.yaml', text: data['grants.yaml'] });
    if (!result.ok) throw new Error('grants.yaml is not good');
    const { 'grants.yaml': _, ...lists } = grantsData(result.grants);
    expect(readPolicyGrants(data)).toEqual(readPolicyGrants(lists));
    expect(Object.keys(data).toSorted()).toEqual([...Object.keys(lists), 'grants.yaml'].toSorted());
    expect(result.grants).toEqual(DEFAULT_GRANTS);
  });

  test('are there beside grants.yaml, names only where it is limited', () => {
    expect(isMapping(grantsData(DEFAULT_GRANTS))).toBe(true);
    expect(Object.keys(grantsData(DEFAULT_GRANTS))).toEqual([
      'types',
      'reservedNamespaces',
      'metadataPrefixes',
      'grants.yaml',
    ]);
    expect(grantsData({ ...DEFAULT_GRANTS, names: [] })).toHaveProperty('names', '');
    expect(grantsData({ ...DEFAULT_GRANTS, names: ['web/a', 'web/b'] })).toHaveProperty('names', 'web/a, web/b');
  });
});

describe('what may be restarted', () => {
  const grants = readPolicyGrants(
    grantsData({ ...DEFAULT_GRANTS, restarts: ['web/Deployment/web', 'web/Deployment/api', 'mail/*'] }),
  );

  test('is what the list names, or all of a namespace', () => {
    for (const workload of ['web/Deployment/web', 'web/Deployment/api', 'mail/StatefulSet/db'])
      expect(grantsRestart(grants, workload)).toBe(true);
    for (const workload of ['web/StatefulSet/web', 'web/Deployment/we', 'mai/Deployment/web', 'a-mail/DaemonSet/x'])
      expect(grantsRestart(grants, workload)).toBe(false);
  });

  test('is nothing without a list', () => {
    expect(grantsRestart(readPolicyGrants(grantsData(DEFAULT_GRANTS)), 'web/Deployment/web')).toBe(false);
    expect(grantsRestart(readPolicyGrants({ restarts: ' , ' }), 'web/Deployment/web')).toBe(false);
  });
});

describe('what the policy would refuse', () => {
  const grants = readPolicyGrants(grantsData({ ...DEFAULT_GRANTS, names: ['web/app-env'] }));

  test('nothing of a Secret within the grants', () => {
    expect(policyRefusals(grants, secret)).toEqual([]);
  });

  test('all reasons are told, with what is missing', () => {
    const wanted = {
      namespace: 'argocd',
      name: 'repo',
      type: 'example.com/type',
      labels: { team: 'web', 'app.kubernetes.io/part-of': 'mail' },
      annotations: { 'example.com/note': 'x' },
    };
    expect(policyRefusals(grants, wanted)).toEqual([
      { grant: 'reservedNamespaces', what: 'argocd', word: 'namespace' },
      { grant: 'names', what: 'argocd/repo', word: 'name' },
      { grant: 'types', what: 'example.com/type', word: 'type' },
      { grant: 'metadataPrefixes', what: 'team', word: 'labels' },
      { grant: 'metadataPrefixes', what: 'example.com/note', word: 'annotations' },
    ]);
  });

  test('of what is merged into only the place is asked', () => {
    const wanted = {
      namespace: 'argocd',
      name: 'argocd-secret',
      type: 'example.com/type',
      labels: { team: 'web' },
      annotations: {},
      existing: 'merge',
    } as const;
    expect(policyRefusals(grants, wanted)).toEqual([
      { grant: 'reservedNamespaces', what: 'argocd', word: 'namespace' },
      { grant: 'names', what: 'argocd/argocd-secret', word: 'name' },
    ]);
  });

  test('everything, while a list other than names is missing', () => {
    expect(policyRefusals(readPolicyGrants({ types: 'Opaque', metadataPrefixes: '' }), secret)).toEqual([
      { grant: 'reservedNamespaces', what: '', word: 'grants' },
    ]);
  });
});
