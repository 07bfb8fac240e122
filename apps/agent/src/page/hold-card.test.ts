import { expect, test } from 'vitest';
import { textOf } from './fragment.ts';
import { holdCard } from './hold-card.ts';
import { standby } from './standby.ts';

const hold = { scope: 'source:homelab', digest: '9f86d081', messages: ['3 of 4 keys would go'], changes: [] } as const;

test('the line that lets it go is for the agent whose page it is', () => {
  expect(textOf(holdCard(hold, 'hikyaku'))).toContain('<code>hikyaku approve homelab</code>');
  expect(textOf(holdCard(hold, 'couriers'))).toContain('<code>hikyaku approve homelab --namespace couriers</code>');
});

test('so is the line of a replica that waits', () => {
  const waiting = { status: undefined, concerns: new Set<string>(), starting: [], changes: [], port: 9_000 };
  const [{ below }] = standby({ ...waiting, leader: 'hikyaku-0_5b1c', namespace: 'couriers' });
  expect(String(below)).toContain('kubectl -n couriers port-forward pod/hikyaku-0 9000:9000');
  expect(String(below)).toContain('<code>hikyaku status --namespace couriers</code>');
});
