import { expect, test } from 'vitest';
import { forCluster } from './for-cluster.ts';

const options = { path: 'oidc.identity', remedy: 'make one' };
const each = { home: 'a', cabin: 'b' };

test('one text is for every cluster, also for one that is not known', () => {
  expect(forCluster('a', {}, options)).toBe('a');
  expect(forCluster('a', { cluster: 'home' }, options)).toBe('a');
});

test('of one for each, the own one is taken', () => {
  expect(forCluster(each, { cluster: 'cabin' }, options)).toBe('b');
});

test.each(['lab', 'constructor', '__proto__'])('a cluster without one, %s, is told what to do', (cluster) => {
  expect(() => forCluster(each, { cluster }, options)).toThrow(
    `\`oidc.identity\` says nothing for cluster ${cluster}, only for home, cabin: make one`,
  );
});

test('a cluster that is not known gets none of them', () => {
  expect(() => forCluster(each, {}, options)).toThrow('which cluster this is is not known');
});
