import type { Config } from '@hikyaku/config';
import { expect, test } from 'vitest';
import { usedCredentials } from './used-credentials.ts';

test('of each sealed value for this cluster it says when it was used, or that it was not', () => {
  const sealed = { text: '', unbound: false };
  const source = (name: string, credentials: Readonly<Record<string, unknown>>) =>
    [name, { name, credentials: new Map(Object.entries(credentials)) }] as const;
  const config = {
    sources: new Map([
      source('lab', { token: { sealed }, other: { env: 'OTHER' } }),
      source('nas', {
        token: {
          perCluster: new Map([
            ['home', sealed],
            ['cabin', sealed],
          ]),
        },
      }),
    ]),
  } as unknown as Config;
  const usedAt = new Map([['providers.lab.token', Date.UTC(2026, 0, 1)]]);
  expect(usedCredentials(config, 'home', usedAt)).toEqual({
    'providers.lab.token': { usedAt: '2026-01-01T00:00:00Z' },
    'providers.nas.token.perCluster.home': {},
  });
  expect(usedCredentials(config, undefined, usedAt)).toEqual({
    'providers.lab.token': { usedAt: '2026-01-01T00:00:00Z' },
  });
});
