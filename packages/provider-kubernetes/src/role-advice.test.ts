import { expect, test } from 'vitest';
import { roleAdvice } from './role-advice.ts';

const READ = { namespace: 'web', secret: 'app', to: 'read' } as const;
const { signal } = new AbortController();

async function advice(username: string, right: Parameters<typeof roleAdvice>[1] = READ): Promise<string> {
  return await roleAdvice({ selfSubjectReview: async () => ({ username, groups: [], extra: {} }) }, right, { signal });
}

test.each([
  ['hikyaku', 'hikyaku rights role web/app --watch | kubectl apply -f -'],
  ['lab', 'hikyaku rights role web/app --watch --namespace lab | kubectl apply -f -'],
])('for an agent in the namespace %s, its own command comes first', async (namespace, command) => {
  const text = await advice(`system:serviceaccount:${namespace}:hikyaku`);
  expect(text).toContain(`gives the right by: ${command}, or without hikyaku: kubectl create role hikyaku-read-app `);
  expect(text).toContain(`--serviceaccount=${namespace}:hikyaku`);
});

test.each([
  ['system:serviceaccount:pki:cabin', '--serviceaccount=pki:cabin'],
  ['ann@example.com', '--user=ann@example.com'],
  ['a name; with more', '--user=NAME'],
])('for %s, to whom that command gives nothing, kubectl alone', async (username, subject) => {
  const text = await advice(username);
  expect(text).not.toContain('hikyaku rights role');
  expect(text).toContain(`--role=hikyaku-read-app ${subject}`);
});

test('for writing, which that command does not give, kubectl alone', async () => {
  const text = await advice('system:serviceaccount:hikyaku:hikyaku', { ...READ, to: 'write' });
  expect(text).not.toContain('hikyaku rights role');
  expect(text).toContain('--verb=get,update');
});

test('where the server does not say who asks, the name is left to fill in', async () => {
  const client = { selfSubjectReview: () => Promise.reject(new Error('no')) };
  expect(await roleAdvice(client, READ, { signal })).toMatch(/ --user=NAME$/);
});
