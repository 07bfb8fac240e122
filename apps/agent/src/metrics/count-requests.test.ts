import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { ProviderError } from '@hikyaku/core';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { failureClass } from './answer-class.ts';
import { countRequests } from './count-requests.ts';

let server: Server;
let origin: string;
let agent: Agent;
let counting: Dispatcher;
let said: string[] = [];

beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    if (url === '/reset') response.destroy();
    else if (url === '/hints') {
      response.writeEarlyHints({ link: '</x>; rel=preload' });
      response.end();
    } else if (url !== '/hang') {
      response.statusCode = Number(url.slice(1));
      response.end(url === '/304' ? undefined : 'x');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not listening on a port');
  origin = `127.0.0.1:${address.port}`;
  agent = new Agent({ headersTimeout: 500 });
  counting = agent.compose(countRequests((answer) => said.push(answer)));
});

beforeEach(() => {
  said = [];
});

afterAll(async () => {
  await agent?.destroy();
  server?.closeAllConnections();
  server?.close();
});

async function ask(url: string, signal?: AbortSignal): Promise<readonly string[]> {
  await request(url, { dispatcher: counting, ...(signal && { signal }) }).then(
    ({ body }) => body.dump(),
    () => {},
  );
  return said;
}

test.for([
  ['200', '200'],
  ['304', '304'],
  ['429', '429'],
  // Which no service may make series with.
  ['299', '2xx'],
  ['599', '5xx'],
  // What comes before the answer is none.
  ['hints', '200'],
  ['reset', 'reset'],
  ['hang', 'timeout'],
])('/%s counts once, as %s', async ([path, answer]) => {
  expect(await ask(`http://${origin}/${path}`)).toEqual([answer]);
});

test('a connection that cannot be had says why', async () => {
  expect(await ask('http://127.0.0.1:1/')).toEqual(['refused']);
  expect(await ask(`https://${origin}/200`)).toEqual(['refused', 'tls']);
  expect(await ask('http://nobody.invalid/')).toEqual(['refused', 'tls', 'dns']);
});

test('who gives up while it is asked has asked, and who gives up before has not', async () => {
  expect(await ask(`http://${origin}/hang`, AbortSignal.timeout(100))).toEqual(['timeout']);
  const stop = new AbortController();
  const asked = ask(`http://${origin}/hang`, stop.signal);
  setTimeout(() => stop.abort(new Error('the source has left')), 100);
  expect(await asked).toEqual(['timeout', 'aborted']);
  expect(await ask(`http://${origin}/200`, AbortSignal.abort())).toEqual(['timeout', 'aborted']);
});

test('an address that is not allowed, and what nobody knows', () => {
  expect(failureClass(new ProviderError('FORBIDDEN', 'no'))).toBe('forbidden');
  expect([new Error('a secret'), 'text', undefined].map(failureClass)).toEqual(['failed', 'failed', 'failed']);
});
