import { expect, test } from 'vitest';
import { watchRights } from './drift-rights.ts';

const signal = new AbortController().signal;
const role = { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['secrets'], resourceNames: ['app', 'db'] };

async function allowed(...resourceRules: readonly object[]): Promise<readonly string[]> {
  const asked: unknown[] = [];
  const client = {
    request: async (method: string, path: string, { body }: { readonly body?: unknown }) => {
      asked.push([method, path, body]);
      return { status: 201, body: { status: { resourceRules, incomplete: true } } };
    },
  };
  const mayWatch = await watchRights(client, 'web', { signal });
  expect(asked).toEqual([
    [
      'POST',
      '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
      { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace: 'web' } },
    ],
  ]);
  return ['app', 'db', 'other'].filter(mayWatch);
}

test.each<[string, readonly object[], readonly string[]]>([
  ['what a Role names', [role], ['app', 'db']],
  [
    'what several Roles name',
    [
      { ...role, resourceNames: ['app'] },
      { ...role, resourceNames: ['other'] },
    ],
    ['app', 'other'],
  ],
  ['everything where no name is given', [{ ...role, resourceNames: undefined }], ['app', 'db', 'other']],
  ['everything for an administrator', [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }], ['app', 'db', 'other']],
  ['nothing by a right to read', [{ ...role, verbs: ['get', 'list'] }], []],
  ['nothing of another group', [{ ...role, apiGroups: ['example.com'] }], []],
  ['nothing of another kind', [{ ...role, resources: ['configmaps', 'secrets/status'] }], []],
  ['nothing where nothing is told', [], []],
])('it may watch %s', async (_, rules, names) => {
  expect(await allowed(...rules)).toEqual(names);
});
