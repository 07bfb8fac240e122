import type { Recipient } from '@hikyaku/config';
import { expect, test } from 'vitest';
import { unlisted } from './unlisted.ts';
import { whichCluster } from './which-cluster.ts';

const recipients = recipientsOf({ home: ['age1home', 'age1next'], cabin: ['age1cabin'], lab: [] }, { me: ['age1me'] });

function recipientsOf(
  ...groups: readonly Readonly<Record<string, readonly string[]>>[]
): ReadonlyMap<string, Recipient> {
  const position = { file: 'hikyaku.yaml', line: 1, column: 1 };
  const entries = groups.flatMap((group, index) =>
    Object.entries(group).map(([name, keys]) => [name, { name, keys, backup: index > 0, position }] as const),
  );
  return new Map(entries);
}

test.each<[string, readonly string[], string | undefined, string | undefined]>([
  ['its key tells', ['age1cabin'], undefined, 'cabin'],
  ['any of its keys tells, while they are replaced', ['age1unknown', 'age1next'], undefined, 'home'],
  ['the key of a person is no cluster', ['age1me'], undefined, undefined],
  ['neither a key nor a name tells', ['age1unknown'], undefined, undefined],
  ['a name tells where no key does', [], 'cabin', 'cabin'],
  ['a name that agrees', ['age1home'], 'home', 'home'],
  ['a name tells clusters without keys apart, that share the key of another', ['age1home'], 'lab', 'lab'],
  ['a name whose key is another one', ['age1unknown'], 'home', 'home'],
])('%s', (_, own, named, cluster) => {
  expect(whichCluster(own, { recipients, named })).toBe(cluster);
});

test.each([
  [['age1home'], 'cabin', "this cluster's key is that of home under recipients, and not of cabin"],
  [
    [],
    'cabbin',
    'cabbin, which --cluster or HIKYAKU_CLUSTER names, is no recipient; the clusters under recipients are home, cabin, lab',
  ],
  [[], 'me', 'is a backup key, and no cluster'],
])('with the keys %j, %s is refused', (own, named, message) => {
  expect(() => whichCluster(own, { recipients, named })).toThrow(message);
});

test('without recipients there is nothing to tell', () => {
  expect(whichCluster(['age1home'], { recipients: new Map(), named: 'home' })).toBe('home');
  expect(unlisted(['age1home'], { recipients: new Map() })).toBeUndefined();
});

test('a key that no cluster has comes with the command that gives it to one', () => {
  expect(unlisted(['age1home'], { recipients })).toBeUndefined();
  expect(unlisted(['age1new'], { recipients })).toEqual({
    recipients: 'home, cabin, lab',
    run: 'hikyaku recipients add NAME age1new',
  });
  expect(unlisted(['age1new'], { recipients, named: 'home' })?.run).toBe(
    'hikyaku recipients add home age1new --replace',
  );
  expect(unlisted(['age1me'], { recipients })?.run).toBe('hikyaku recipients add NAME age1me');
  expect(unlisted(['age1new'], { recipients, named: 'lab' })).toBeUndefined();
});
