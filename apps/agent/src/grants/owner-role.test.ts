import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ownerRole } from './owner-role.ts';

const secret = { namespace: 'web', name: '123', agent: 'hikyaku' };

test.each([
  ['read', ['get']],
  ['watch', ['get', 'list', 'watch']],
  ['merge', ['get']],
] as const)('--%s gives these verbs on this one Secret to the agent’s account', (right, verbs) => {
  const [role, binding] = parseAllDocuments(ownerRole({ ...secret, right })).map((document): unknown =>
    document.toJS(),
  );
  const metadata = { name: `hikyaku-${right}-123`, namespace: 'web' };
  expect(role).toMatchObject({
    kind: 'Role',
    metadata,
    rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['123'], verbs }],
  });
  expect(binding).toMatchObject({
    kind: 'RoleBinding',
    metadata,
    roleRef: { kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: 'hikyaku', namespace: 'hikyaku' }],
  });
});

test('two agents have a Role each for one Secret', () => {
  const [, binding] = parseAllDocuments(ownerRole({ ...secret, agent: 'second', right: 'merge' })).map((document) =>
    document.toJS(),
  );
  expect(binding).toMatchObject({ metadata: { name: 'second-merge-123' }, subjects: [{ namespace: 'second' }] });
});

test('--merge tells the label that its owner sets besides', () => {
  expect(ownerRole({ ...secret, right: 'merge' })).toContain(
    '#   kubectl label secret 123 --namespace web hikyaku.dev/merge=hikyaku\n',
  );
});

test('the longest name of a Secret gives a name of a Role that is not too long', () => {
  const name = 'a'.repeat(253);
  const [role] = parseAllDocuments(ownerRole({ ...secret, name, right: 'watch' })).map((document) => document.toJS());
  expect(role.metadata.name.length).toBeLessThanOrEqual(253);
  expect(role.rules[0].resourceNames).toEqual([name]);
});
