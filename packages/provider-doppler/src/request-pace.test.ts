import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { RequestPace } from './request-pace.ts';

const { signal } = new AbortController();

function paced({ remaining, inSeconds, skewMs = 0 }: { remaining: number; inSeconds: number; skewMs?: number }) {
  const clock = new FakeClock();
  const pace = new RequestPace(clock);
  const theirs = clock.now() + skewMs;
  pace.note(
    new Map([
      ['date', new Date(theirs).toUTCString()],
      ['x-ratelimit-limit', '120'],
      ['x-ratelimit-remaining', String(remaining)],
      ['x-ratelimit-reset', String(theirs / 1000 + inSeconds)],
    ]),
  );
  return { clock, pace };
}

async function waited({ clock, pace }: ReturnType<typeof paced>): Promise<number> {
  const start = clock.now();
  const [end] = await Promise.all([pace.wait({ signal }).then(() => clock.now()), clock.advance(60_000)]);
  return end - start;
}

test.each([
  ['much is left: no wait', { remaining: 31, inSeconds: 60 }, 0],
  ['little is left: it is spread over the rest of the minute', { remaining: 9, inSeconds: 40 }, 4000],
  ['nothing is left: the next minute is waited for', { remaining: 0, inSeconds: 8 }, 8000],
  ['no wait is longer than 10 s', { remaining: 1, inSeconds: 60 }, 10_000],
  ['a clock that is an hour off does not matter', { remaining: 9, inSeconds: 40, skewMs: 3_600_000 }, 4000],
  ['a window that is over does not matter', { remaining: 0, inSeconds: -1 }, 0],
])('%s', async (_, window, ms) => {
  expect(await waited(paced(window))).toBe(ms);
});

test('nothing left for long is RATE_LIMITED without a request', async () => {
  const { clock, pace } = paced({ remaining: 0, inSeconds: 45 });
  await expect(pace.wait({ signal })).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    retryable: true,
    retryAfterMs: 45_000,
  });
  await clock.advance(45_000);
  await pace.wait({ signal });
});

test.each([[{}], [{ 'x-ratelimit-limit': 'many', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'soon' }]])(
  'the headers %j do not slow down',
  async (headers) => {
    const clock = new FakeClock();
    const pace = new RequestPace(clock);
    pace.note(new Map(Object.entries(headers)));
    expect(await waited({ clock, pace })).toBe(0);
  },
);
