import { DEFAULT_GRANTS } from '@hikyaku/config';
import { expect, test } from 'vitest';
import { pushRefusal } from './push-refusal.ts';

const position = { file: 'grants.yaml', line: 1, column: 1 };
const where = 'the ConfigMap hikyaku/hikyaku-grants';
const push = { namespace: 'web', name: 'app-env', source: 'homelab' };

test('outside of a pod a push needs no grant', () => {
  expect(pushRefusal(push, undefined)).toBeUndefined();
});

test('in a pod exactly this Secret to exactly this source must be granted', () => {
  const held = { where, grants: { ...DEFAULT_GRANTS, pushes: [{ from: 'web/app-env', to: 'homelab', position }] } };
  expect(pushRefusal(push, held)).toBeUndefined();
  for (const other of [{ name: 'app' }, { namespace: 'web2' }, { source: 'nas' }])
    expect(pushRefusal({ ...push, ...other }, held)).toContain('is not granted');
});

test('the refusal says which line grants it, beside those that are there', () => {
  const held = { where, grants: { ...DEFAULT_GRANTS, pushes: [{ from: 'web/b', to: 'nas', position }] } };
  expect(pushRefusal(push, held)).toBe(
    'the push of web/app-env to homelab is not granted; in the ConfigMap hikyaku/hikyaku-grants: pushes: [{ from: web/b, to: nas }, { from: web/app-env, to: homelab }]',
  );
});
