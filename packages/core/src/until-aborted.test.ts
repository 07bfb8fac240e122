import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { untilAborted } from './until-aborted.ts';

const never = new Promise<never>(() => {});

test('gives what the promise gives, and leaves nothing on the signal', async () => {
  const { signal } = new AbortController();
  expect(await untilAborted(Promise.resolve(1), { signal })).toBe(1);
  await expect(untilAborted(Promise.reject(new Error('its own')), { signal })).rejects.toThrow('its own');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('rejects with the reason as soon as the signal aborts, or has aborted before', async () => {
  const stop = new AbortController();
  const waiting = untilAborted(never, stop);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(untilAborted(never, stop)).rejects.toThrow('enough');
});
