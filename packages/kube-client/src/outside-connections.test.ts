import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { afterAll, expect, test } from 'vitest';
import { connectKube } from './connect-kube.ts';
import { answer, collect, kubeConfigFor, rejection, startServer } from './local-api-server.test.kit.ts';
import type { OutsideTls, Purpose } from './outside-connections.ts';

const { signal } = new AbortController();
const agent = new Agent();
afterAll(() => agent.destroy());
const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const event = `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'a' } } })}\n`;

test('requests and watches go over connections from outside, which stay open at the end', async () => {
  await using server = await startServer(({ url }, response) => {
    if (url.includes('watch=true')) response.writeHead(200).end(event);
    else answer(response, 200, {});
  });
  const asked: [OutsideTls, Purpose][] = [];
  const kube = connectKube(kubeConfigFor(server.url), {
    outside: {
      dispatcher(tls, purpose) {
        asked.push([tls, purpose]);
        return agent;
      },
    },
  });
  await kube.version({ signal });
  await collect(kube.watch('/api/v1/namespaces', { signal }));
  await kube.close();
  expect(asked).toEqual([
    [{}, 'request'],
    [{}, 'watch'],
  ]);
  expect(server.received.map(({ headers }) => headers.authorization)).toEqual(
    Array.from({ length: 2 }, () => 'Bearer token-of-the-test'),
  );
  await (await agent.request({ origin: server.url, path: '/version', method: 'GET' })).body.dump();
});

test('they are told what the kubeconfig says of TLS, as text', async () => {
  const data = Buffer.from(pem).toString('base64');
  const kubeConfig = kubeConfigFor('https://127.0.0.1:1', {
    tlsServerName: 'kubernetes',
    user: { certData: data, keyData: data },
  });
  let told: OutsideTls = {};
  const outside = {
    dispatcher(tls: OutsideTls): Dispatcher {
      told = tls;
      return agent;
    },
  };
  await using kube = connectKube(kubeConfig, { outside });
  await rejection(kube.version({ signal }));
  expect(told).toEqual({ servername: 'kubernetes', cert: pem, key: pem });
});

test('their own errors are thrown as they are, others as KubeError', async () => {
  const refusal = new Error('not there');
  const dispatcher = agent.compose((dispatch) => (options, handler) => {
    if (options.method === 'GET') throw refusal;
    return dispatch(options, handler);
  });
  await using telling = connectKube(kubeConfigFor('https://127.0.0.1:1'), {
    outside: { dispatcher: () => dispatcher, isOwnError: (error) => error === refusal },
  });
  expect(await rejection(telling.version({ signal }))).toBe(refusal);
  expect(await rejection(collect(telling.watch('/api', { signal })))).toBe(refusal);
  await using silent = connectKube(kubeConfigFor('https://127.0.0.1:1'), { outside: { dispatcher: () => dispatcher } });
  expect(await rejection(silent.version({ signal }))).toMatchObject({ code: 'UNAVAILABLE' });
});

test('what takes too long is given up by the clock that is given', async () => {
  await using server = await startServer(() => {});
  let onTime = (): void => {};
  const startTimer = (ms: number, callback: () => void) => {
    expect(ms).toBe(10_000);
    onTime = callback;
    return () => {};
  };
  await using kube = connectKube(kubeConfigFor(server.url), { timeoutMs: 10_000, startTimer });
  const asked = rejection(kube.version({ signal }));
  await expect.poll(() => server.received).toHaveLength(1);
  onTime();
  expect(await asked).toMatchObject({ code: 'UNAVAILABLE', networkCode: 'TIMEOUT' });
});

test('an answer longer than allowed is given up', async () => {
  await using server = await startServer((_, response) => answer(response, 200, { long: 'x'.repeat(2_000) }));
  await using kube = connectKube(kubeConfigFor(server.url), { maxBytes: 1_000 });
  expect(await rejection(kube.version({ signal }))).toMatchObject({ code: 'UNEXPECTED', retryable: false });
});
