import { PassThrough } from 'node:stream';
import { ProviderError, SecretValue } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { KubeError } from '@hikyaku/kube-client';
import { expect, test } from 'vitest';
import { createLogger } from './logging.ts';
import type { LogLevel } from './global-options.ts';

async function logged(fields: object, level: LogLevel = 'info', pretty = false): Promise<string> {
  const stream = new PassThrough();
  const logger = await createLogger({ level, stream, pretty, colors: false });
  logger.info({ ...fields }, 'something happened');
  await new Promise(setImmediate);
  return String(stream.read() ?? '');
}

test('a line is JSON with a level, a time and the fields', async () => {
  const line: unknown = JSON.parse(await logged({ source: 'homelab' }));
  expect(line).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    source: 'homelab',
    msg: 'something happened',
  });
});

test('what is below the level is not written', async () => {
  expect(await logged({}, 'warn')).toBe('');
  expect(await logged({}, 'silent')).toBe('');
});

test.each([
  [
    new ProviderError('FORBIDDEN', 'no access', { cause: new Error('hunter2') }),
    { code: 'FORBIDDEN', message: 'no access' },
  ],
  [new TargetError('FOREIGN', 'not ours'), { code: 'FOREIGN', message: 'not ours' }],
  [new KubeError('GONE', 'too old'), { code: 'GONE', message: 'too old' }],
  [new Error('hunter2'), { kind: 'Error' }],
  [new TypeError('hunter2 is not a function', { cause: new Error('hunter2') }), { kind: 'TypeError' }],
  [Object.assign(new Error('hunter2'), { code: 'ENOENT', path: '/hunter2' }), { kind: 'Error' }],
  ['hunter2', { kind: 'string' }],
  [{ password: 'hunter2' }, { kind: 'object' }],
  [null, { kind: 'object' }],
])('an error is logged as what is known to be harmless of it (%#)', async (error, expected) => {
  const text = await logged({ error });
  expect(JSON.parse(text)).toMatchObject({ error: expected });
  expect(text).not.toContain('hunter2');
});

test('nor does a value slip through in a field, nor in lines for people', async () => {
  const value = SecretValue.of('hunter2');
  for (const pretty of [false, true]) {
    const text = await logged({ value, deep: { values: [value] }, error: new Error('hunter2') }, 'info', pretty);
    expect(text).toContain('something happened');
    expect(text).toContain('[secret]');
    expect(text).not.toContain('hunter2');
  }
});
