import { fetch, interceptors, request } from 'undici';
import type { Dispatcher } from 'undici';
import { describe, expect, test } from 'vitest';
import { Dispatchers } from './dispatchers.ts';
import { ok, refusal, startServer } from './dispatchers.test.kit.ts';

function bound(dispatchers: Dispatchers, ...origins: readonly string[]): Dispatcher {
  return dispatchers.for({ identity: 'x', origins });
}

describe('a source reaches its own origin', () => {
  test.each(['127.0.0.1', '::1'])('at %s', async (host) => {
    await using server = await startServer(ok, host);
    await using dispatchers = new Dispatchers({ env: {} });
    const { body } = await request(`${server.origin}/a`, { dispatcher: bound(dispatchers, server.origin) });
    expect(await body.text()).toBe('ok');
  });

  test.each([
    ['with a path', (origin: string) => `${origin}/v3/`],
    ['in capitals', (origin: string) => origin.replace('http:', 'HTTP:')],
  ])('also when it was described %s', async (_, describeIt) => {
    await using server = await startServer(ok);
    await using dispatchers = new Dispatchers({ env: {} });
    const { body } = await request(server.origin, { dispatcher: bound(dispatchers, describeIt(server.origin)) });
    expect(await body.text()).toBe('ok');
  });

  test('and all sources share its few connections', async () => {
    await using server = await startServer(ok);
    await using dispatchers = new Dispatchers({ env: {} });
    for (let i = 0; i < 12; i++) {
      const { body } = await request(server.origin, { dispatcher: bound(dispatchers, server.origin) });
      await body.text();
    }
    expect(server.connections).toBeLessThanOrEqual(4);
  });
});

describe('any other origin is refused before a byte is sent', () => {
  test('another port, by request and by fetch', async () => {
    await using own = await startServer(ok);
    await using other = await startServer(ok);
    await using dispatchers = new Dispatchers({ env: {} });
    const dispatcher = bound(dispatchers, own.origin);
    expect(await refusal(request(other.origin, { dispatcher }))).toBe('FORBIDDEN');
    expect(await refusal(fetch(other.origin, { dispatcher }))).toBe('FORBIDDEN');
    expect(other.connections).toBe(0);
  });

  test('what one source may reach another may not', async () => {
    await using server = await startServer(ok);
    await using dispatchers = new Dispatchers({ env: {} });
    bound(dispatchers, server.origin);
    const dispatcher = bound(dispatchers, 'https://nas.lan');
    expect(await refusal(request(server.origin, { dispatcher }))).toBe('FORBIDDEN');
    expect(server.connections).toBe(0);
  });

  test.each([
    'http://api.example.com',
    'https://api.example.com:8443',
    'https://api.example.com.',
    'https://api.example.com.evil.example',
    'https://evil.example/https://api.example.com',
    'https://api.example.com@evil.example',
    'https://api.example.com:443@evil.example',
    'https://evil.example#@api.example.com',
    String.raw`https://evil.example\@api.example.com`,
    'https://xapi.example.com',
    'https://example.com',
    'https://[::1]',
    'https://[::ffff:127.0.0.1]',
    'https://127.0.0.1',
    'https://0x7f000001',
    'https://api。example.com.evil.example',
    'http://169.254.169.254/latest/meta-data',
  ])('%s is not https://api.example.com', async (url) => {
    await using dispatchers = new Dispatchers({ env: {} });
    const dispatcher = bound(dispatchers, 'https://api.example.com');
    expect(await refusal(request(url, { dispatcher }))).toBe('FORBIDDEN');
  });

  test('the refusal names both, and no path or query', async () => {
    await using dispatchers = new Dispatchers({ env: {} });
    const dispatcher = bound(dispatchers, 'https://api.example.com');
    await expect(request('https://u:hunter2@evil.example/p?token=hunter2', { dispatcher })).rejects.toMatchObject({
      message: expect.stringMatching(
        /^a request to https:\/\/evil\.example was refused: .*https:\/\/api\.example\.com/,
      ),
    });
    const error = await request('https://u:hunter2@evil.example/hunter2', { dispatcher }).catch(String);
    expect(error).not.toContain('hunter2');
  });

  test.each([301, 302, 303, 307, 308])(
    'a redirect (%d) to it, by fetch and by the redirect interceptor',
    async (status) => {
      await using other = await startServer(ok);
      await using own = await startServer((_, response) =>
        response.writeHead(status, { location: other.origin }).end(),
      );
      await using dispatchers = new Dispatchers({ env: {} });
      const dispatcher = bound(dispatchers, own.origin);
      expect(await refusal(fetch(own.origin, { dispatcher }))).toBe('FORBIDDEN');
      const following = dispatcher.compose(interceptors.redirect({ maxRedirections: 3 }));
      expect(await refusal(request(own.origin, { dispatcher: following }))).toBe('FORBIDDEN');
      expect(own.received).toHaveLength(2);
      expect(other.connections).toBe(0);
    },
  );

  test('a redirect within the origin is followed', async () => {
    await using own = await startServer((incoming, response) => {
      if (incoming.url === '/a') response.writeHead(302, { location: '/b' }).end();
      else response.end('b');
    });
    await using dispatchers = new Dispatchers({ env: {} });
    const response = await fetch(`${own.origin}/a`, { dispatcher: bound(dispatchers, own.origin) });
    expect(await response.text()).toBe('b');
  });
});

describe('a proxy', () => {
  test.each(['HTTPS_PROXY', 'https_proxy'])('of %s is used, and another origin is still refused', async (name) => {
    await using proxy = await startServer(ok);
    await using dispatchers = new Dispatchers({ env: { [name]: proxy.origin } });
    const dispatcher = bound(dispatchers, 'https://api.example.com');
    expect(await refusal(request('https://api.example.com/a', { dispatcher }))).not.toBe('passed');
    expect(proxy.received).toEqual(['CONNECT api.example.com:443']);
    expect(await refusal(request('https://evil.example', { dispatcher }))).toBe('FORBIDDEN');
    expect(proxy.received).toHaveLength(1);
  });

  test('is not used for what NO_PROXY names', async () => {
    await using proxy = await startServer(ok);
    await using server = await startServer(ok);
    await using dispatchers = new Dispatchers({ env: { HTTP_PROXY: proxy.origin, NO_PROXY: '127.0.0.1' } });
    const { body } = await request(server.origin, { dispatcher: bound(dispatchers, server.origin) });
    expect(await body.text()).toBe('ok');
    expect(proxy.connections).toBe(0);
  });
});

test('a CA file that cannot be read is a mistake in the config, and named', async () => {
  await using dispatchers = new Dispatchers({ env: {} });
  const describeIt = () => dispatchers.for({ identity: 'x', origins: ['https://nas.lan'], ca: '/nowhere/ca.pem' });
  expect(describeIt).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining('/nowhere/ca.pem') }),
  );
});
