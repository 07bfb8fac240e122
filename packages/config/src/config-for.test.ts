import { describe, expect, test } from 'vitest';
import { configFor } from './config-for.ts';
import type { ClusterConfig } from './config-for.ts';
import { providers } from './example-providers.test.kit.ts';
import { parseConfig } from './parse-config.ts';
import { formatProblems } from './problem.ts';

const TEXT = `
recipients:
  home: age1${'q'.repeat(58)}
  edge: { keys: [] }
  me: { key: age1${'z'.repeat(58)}, backup: true }
providers: { store: { type: doppler, project: p, config: c } }
secrets:
  - { name: all, namespace: n, from: store }
  - { name: one, namespace: n, from: store, clusters: [home] }
  - { name: each, namespace: n, from: store, clusters: [home] }
  - { name: each, namespace: n, from: store, type: x/y, clusters: [edge] }
pushes:
  - { from: { namespace: n, secret: all }, to: store, data: { A: a } }
  - { from: { namespace: n, secret: one }, to: store, data: { B: b }, clusters: [edge] }
`;

async function forCluster(cluster: string | undefined): Promise<ClusterConfig> {
  const result = await parseConfig([{ path: 'f', text: TEXT }], { providers });
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return configFor(result.config, cluster);
}

function namesOf({ config, undecided }: ClusterConfig): Readonly<Record<string, readonly string[]>> {
  return {
    secrets: config.secrets.map(({ name, type }) => `${name} ${type}`),
    pushes: config.pushes.map(({ name }) => name),
    undecidedSecrets: undecided.secrets.map(({ name }) => name),
    undecidedPushes: undecided.pushes.map(({ name }) => name),
  };
}

const NOTHING_UNDECIDED = { undecidedSecrets: [], undecidedPushes: [] };

describe('configFor', () => {
  test('a cluster gets what is for all, and what is for it', async () => {
    expect(namesOf(await forCluster('home'))).toEqual({
      secrets: ['all Opaque', 'one Opaque', 'each Opaque'],
      pushes: ['all'],
      ...NOTHING_UNDECIDED,
    });
    expect(namesOf(await forCluster('edge'))).toEqual({
      secrets: ['all Opaque', 'each x/y'],
      pushes: ['all', 'one'],
      ...NOTHING_UNDECIDED,
    });
  });

  test.each([undefined, 'hoem', 'me'])(
    'while the cluster is %s, what is for some clusters is undecided',
    async (cluster) => {
      expect(namesOf(await forCluster(cluster))).toEqual({
        secrets: ['all Opaque'],
        pushes: ['all'],
        undecidedSecrets: ['one', 'each', 'each'],
        undecidedPushes: ['one'],
      });
    },
  );
});
