import { ProviderError } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { expect, test } from 'vitest';
import { AccessTokens } from './access-tokens.ts';
import type { AccessToken } from './access-tokens.ts';

const { signal } = new AbortController();

/** A service that gives out `token 1`, `token 2` and so on, when `answer` is called. */
function open({ lifetimeMs }: { readonly lifetimeMs?: number } = {}) {
  const clock = new FakeClock();
  const asked: { readonly signal: AbortSignal; readonly answer: (error?: Error) => void }[] = [];
  const tokens = new AccessTokens({
    clock,
    request(options: CallOptions) {
      const { promise, resolve, reject } = Promise.withResolvers<AccessToken>();
      const text = `token ${asked.length + 1}`;
      asked.push({
        signal: options.signal,
        answer: (error) =>
          error === undefined ? resolve({ text, ...(lifetimeMs !== undefined && { lifetimeMs }) }) : reject(error),
      });
      return promise;
    },
  });
  return { clock, asked, tokens };
}

async function getNow({ tokens, asked }: ReturnType<typeof open>, refused?: AccessToken): Promise<AccessToken> {
  const token = tokens.get({ signal, ...(refused && { refused }) });
  asked.at(-1)?.answer();
  return await token;
}

test('a token is used until shortly before it expires', async () => {
  const opened = open({ lifetimeMs: 3_600_000 });
  const { clock, asked } = opened;
  await getNow(opened);
  await clock.advance(3_539_000);
  expect(await getNow(opened)).toMatchObject({ text: 'token 1' });
  expect(asked).toHaveLength(1);
  await clock.advance(1000);
  expect(await getNow(opened)).toMatchObject({ text: 'token 2' });
});

test('of one that lasts seconds, a tenth is left', async () => {
  const opened = open({ lifetimeMs: 5000 });
  await getNow(opened);
  await opened.clock.advance(4400);
  expect((await getNow(opened)).text).toBe('token 1');
  await opened.clock.advance(100);
  expect((await getNow(opened)).text).toBe('token 2');
});

test('a lifetime begins when the token is asked for, not when it comes', async () => {
  const { tokens, asked, clock } = open({ lifetimeMs: 10_000 });
  const first = tokens.get({ signal });
  await clock.advance(9000);
  asked[0]?.answer();
  await first;
  void tokens.get({ signal });
  expect(asked).toHaveLength(2);
});

test('one without a lifetime is used until it is refused', async () => {
  const opened = open();
  const first = await getNow(opened);
  await opened.clock.advance(10 ** 12);
  expect(await getNow(opened)).toBe(first);
  expect((await getNow(opened, first)).text).toBe('token 2');
  // Whoever comes late with the same refusal is given what there is by now.
  expect((await getNow(opened, first)).text).toBe('token 2');
});

test('all who need one at the same time wait for one request', async () => {
  const { tokens, asked } = open();
  const all = [1, 2, 3].map(() => tokens.get({ signal }));
  expect(asked).toHaveLength(1);
  asked[0]?.answer();
  expect((await Promise.all(all)).map(({ text }) => text)).toEqual(['token 1', 'token 1', 'token 1']);
});

test('whoever began it gives up at once, and the others get what it asked for', async () => {
  const { tokens, asked } = open();
  const impatient = new AbortController();
  const first = tokens.get({ signal: impatient.signal });
  const second = tokens.get({ signal });
  impatient.abort(new Error('enough'));
  await expect(first).rejects.toThrow('enough');
  expect(asked[0]?.signal.aborted).toBe(false);
  asked[0]?.answer();
  expect((await second).text).toBe('token 1');
  expect(asked).toHaveLength(1);
});

test('what nobody waits for any more is given up, and the next one asks again', async () => {
  const { tokens, asked } = open();
  const impatient = new AbortController();
  const first = tokens.get({ signal: impatient.signal });
  impatient.abort(new Error('enough'));
  await expect(first).rejects.toThrow('enough');
  expect(asked[0]?.signal.aborted).toBe(true);
  const second = tokens.get({ signal });
  asked[1]?.answer();
  expect((await second).text).toBe('token 2');
});

test('whoever is not there any more asks for nothing', async () => {
  const { tokens, asked } = open();
  await expect(tokens.get({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  expect(asked).toHaveLength(0);
});

test('a failure is that of all who wait, and is not kept', async () => {
  const opened = open();
  const { tokens, asked } = opened;
  const all = [1, 2].map(() => tokens.get({ signal }));
  asked[0]?.answer(new ProviderError('UNAVAILABLE', 'down'));
  for (const { status } of await Promise.allSettled(all)) expect(status).toBe('rejected');
  expect((await getNow(opened)).text).toBe('token 2');
});

test('work that is refused is done once more with another token, and that refusal stands', async () => {
  const used: string[] = [];
  let count = 0;
  const tokens = new AccessTokens({ clock: new FakeClock(), request: async () => ({ text: `token ${++count}` }) });
  const refuse = async ({ text }: AccessToken): Promise<string> => {
    used.push(text);
    if (text !== 'token 2') throw new ProviderError('UNAUTHENTICATED', `no to ${used.length}`);
    return text;
  };
  expect(await tokens.use(refuse, { signal })).toBe('token 2');
  expect(await tokens.use(refuse, { signal })).toBe('token 2');
  expect(used).toEqual(['token 1', 'token 2', 'token 2']);
  const never = () => Promise.reject(new ProviderError('UNAUTHENTICATED', 'no'));
  await expect(tokens.use(never, { signal })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(count).toBe(3);
});

test('another failure of the work is no reason for another token', async () => {
  let count = 0;
  const tokens = new AccessTokens({ clock: new FakeClock(), request: async () => ({ text: `token ${++count}` }) });
  const work = () => Promise.reject(new ProviderError('FORBIDDEN', 'no'));
  await expect(tokens.use(work, { signal })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(count).toBe(1);
});
