import { describe, expect, test } from 'vitest';
import { DEFAULT_GRANTS } from './grants.ts';
import { readPolicyGrants } from './grants-policy.ts';
import { grantsData } from './grants-text.ts';
import { readGrantsData, readGrantsFile } from './grants-reading.ts';
import { formatProblems } from './problem.ts';

const defaults = grantsData(DEFAULT_GRANTS);

describe('what is granted', () => {
  test('without a grants.yaml is what the policy lets pass, and no code, file or push', () => {
    const { 'grants.yaml': _, ...lists } = defaults;
    const reading = readGrantsData({ ...lists, types: 'Opaque' }, 'x');
    expect(reading).toMatchObject({ isMissing: true, problems: [], disagreeing: [] });
    expect(reading.policy.types).toEqual(new Set(['Opaque']));
    expect(reading.grants).toEqual(DEFAULT_GRANTS);
  });

  test('with a broken grants.yaml is nothing beyond the lists, not even an origin, and its lines are told', () => {
    const reading = readGrantsData({ ...defaults, 'grants.yaml': 'origin: [https://a.example]\n' }, 'here');
    expect(reading.grants).toEqual({ ...DEFAULT_GRANTS, origins: [] });
    expect(reading.policy).toEqual(readPolicyGrants(defaults));
    expect(formatProblems(reading.problems)).toBe('here:1:1: origin: unknown key `origin`; did you mean `origins`?');
  });

  test('lists that say another thing than grants.yaml are named; what it leaves to them is no disagreement', () => {
    const data = {
      ...defaults,
      types: 'Opaque',
      reservedNamespaces: '',
      names: 'web/a',
      'grants.yaml': 'types: [Opaque, a]',
    };
    expect(readGrantsData(data, 'x').disagreeing).toEqual(['types']);
    expect(readGrantsData({ ...data, types: ' a,\nOpaque,' }, 'x').disagreeing).toEqual([]);
    expect(readGrantsData({ ...defaults, 'grants.yaml': 'names: []' }, 'x').disagreeing).toEqual(['names']);
  });

  test('is read from a file of its own and from the manifest of the ConfigMap', () => {
    const plain = readGrantsFile({ path: 'grants.yaml', text: 'names: [web/a]\nfiles: /srv' });
    expect(plain.grants).toMatchObject({ names: ['web/a'], files: '/srv' });
    expect(plain.policy.names).toEqual(new Set(['web/a']));
    const text = `kind: ConfigMap\ndata:\n  types: a\n  number: 1\n  grants.yaml: |\n    files: srv\n`;
    const manifest = readGrantsFile({ path: 'grants.yaml', text });
    expect(manifest.policy).toEqual({ types: new Set(['a']) });
    expect(formatProblems(manifest.problems)).toBe(
      'grants.yaml (its key grants.yaml):1:8: files: `files` must be the absolute path of a directory',
    );
  });

  test('of a file that is no YAML is nothing', () => {
    const { problems, grants } = readGrantsFile({ path: 'grants.yaml', text: 'a: [' });
    expect(problems).toHaveLength(1);
    expect(grants.origins).toEqual([]);
  });
});
