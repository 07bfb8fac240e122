import { expect, test } from 'vitest';
import { demands } from './demand.ts';
import { everything, item, spec } from './engine.test.kit.ts';

test('what all specs together ask of each source, each once', () => {
  const specs = [
    spec('web/a', {
      bulk: [everything('homelab')],
      items: { x: item('nas', 'X'), v: item('nas', 'X', { version: '1' }) },
    }),
    spec('web/b', { items: { y: item('nas', 'X'), h: item('homelab', 'H') } }),
  ];
  expect(Object.fromEntries(demands(specs))).toEqual({
    homelab: { refs: [{ name: 'H' }], bulk: [{ include: ['*'], exclude: [] }] },
    nas: { refs: [{ name: 'X' }, { name: 'X', version: '1' }], bulk: [] },
  });
  expect(demands([]).size).toBe(0);
});
