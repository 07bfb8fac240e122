import { isIPv6 } from 'node:net';
import type { ClientTls } from '@hikyaku/core';
import { listen, selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { fetch, interceptors, request } from 'undici';
import type { Dispatcher } from 'undici';
import { describe, expect, test } from 'vitest';
import { AddressRules } from './address-rules.ts';
import type { AddressRulesOptions, Lookup } from './address-rules.ts';
import { Dispatchers } from './dispatchers.ts';
import { ok, refusal, startServer } from './dispatchers.test.kit.ts';

const IN_POD = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

/** Answers each lookup with the next of these lists, and goes on with the last. */
function lookupOf(...answers: readonly (readonly string[])[]): Lookup & { readonly asked: readonly string[] } {
  const asked: string[] = [];
  const lookup: Lookup = async (name) => {
    const addresses = answers[Math.min(asked.push(name), answers.length) - 1] ?? [];
    return addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  };
  return Object.assign(lookup, { asked });
}

/** Asks for `origin` on behalf of a source whose config names just that origin. */
async function ask(origin: string, options: Partial<AddressRulesOptions>, tls?: ClientTls): Promise<unknown> {
  await using dispatchers = new Dispatchers({ env: {}, ...options });
  const dispatcher = dispatchers.for({ identity: 'x', origins: [origin] }, tls);
  try {
    const { body } = await request(origin, { dispatcher, signal: AbortSignal.timeout(2000) });
    return await body.text();
  } catch (error) {
    return error;
  }
}

function forbidden(...words: readonly string[]) {
  return {
    code: 'FORBIDDEN',
    message: expect.stringMatching(words.map((word) => word.replaceAll(/[.[\]]/g, '.')).join('.*')),
  };
}

describe('a name', () => {
  test.each([
    ['127.0.0.1', 'a loopback address'],
    ['::1', 'a loopback address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['64:ff9b::7f00:1', 'a loopback address'],
    ['169.254.169.254', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['fd00:ec2::254', 'credentials of the machine'],
    ['0.0.0.0', 'an unspecified address'],
    ['::', 'an unspecified address'],
  ])('that leads to %s is refused, with and without settings of its own', async (address, kind) => {
    await using server = await startServer(ok, isIPv6(address) ? '::' : '0.0.0.0');
    const origin = `http://nas.lan:${server.port}`;
    const lookup = lookupOf([address]);
    const error = forbidden('nas.lan resolves to', address, kind, `--allow-origin ${origin}`);
    expect(await ask(origin, { lookup })).toMatchObject(error);
    expect(await ask(origin, { lookup }, { servername: 'nas' })).toMatchObject(error);
    expect(await ask(origin, { lookup, env: IN_POD })).toMatchObject(error);
    expect(server.connections).toBe(0);
  });

  test('is refused when one of its addresses is, wherever it stands', async () => {
    await using server = await startServer(ok);
    const origin = `http://nas.lan:${server.port}`;
    for (const addresses of [
      ['127.0.0.1', '192.0.2.1'],
      ['192.0.2.1', '127.0.0.1'],
      ['2001:db8::1', '192.0.2.1', '::ffff:127.0.0.1'],
    ])
      expect(await ask(origin, { lookup: lookupOf(addresses) })).toMatchObject({ code: 'FORBIDDEN' });
    expect(server.connections).toBe(0);
  });

  test('is refused by fetch too', async () => {
    await using server = await startServer(ok);
    const origin = `http://nas.lan:${server.port}`;
    await using dispatchers = new Dispatchers({ env: {}, lookup: lookupOf(['127.0.0.1']) });
    expect(await refusal(fetch(origin, { dispatcher: dispatchers.for({ identity: 'x', origins: [origin] }) }))).toBe(
      'FORBIDDEN',
    );
    expect(server.connections).toBe(0);
  });

  test('is looked up once for a connection, so that a second answer is never used', async () => {
    await using server = await startServer(ok);
    const lookup = lookupOf(['127.0.0.1'], ['192.0.2.1']);
    expect(await ask(`http://vault.localhost:${server.port}`, { lookup })).toBe('ok');
    expect(lookup.asked).toEqual(['vault.localhost']);
  });

  test('that changes its answer is refused at the next connection', async () => {
    await using server = await startServer((_, response) => response.setHeader('connection', 'close').end('ok'));
    const origin = `http://nas.lan:${server.port}`;
    // With a name that is allowed at first: no other address of this machine is known to a test.
    const local = `http://vault.localhost:${server.port}`;
    await using dispatchers = new Dispatchers({ env: {}, lookup: lookupOf(['127.0.0.1'], ['192.0.2.1']) });
    const dispatcher = dispatchers.for({ identity: 'x', origins: [origin, local] });
    const { body } = await request(local, { dispatcher });
    expect(await body.text()).toBe('ok');
    expect(await refusal(request(local, { dispatcher }))).toBe('FORBIDDEN');
    expect(server.connections).toBe(1);
  });

  test('under localhost leads to loopback, or is refused: a credential may travel there in the clear', async () => {
    await using server = await startServer(ok);
    for (const name of ['localhost', 'vault.localhost', 'localhost.'])
      expect(await ask(`http://${name}:${server.port}`, { lookup: lookupOf(['127.0.0.1']) })).toBe('ok');
    expect(await ask(`http://vault.localhost:${server.port}`, { lookup: lookupOf(['192.0.2.1']) })).toMatchObject(
      forbidden('vault.localhost resolves to 192.0.2.1', 'no loopback address'),
    );
  });

  test('that the person has named is reached, and at no other port', async () => {
    await using server = await startServer(ok);
    await using other = await startServer(ok);
    const options = { lookup: lookupOf(['127.0.0.1']), allowedOrigins: [`http://NAS.lan:${server.port}/`] };
    expect(await ask(`http://nas.lan:${server.port}`, options)).toBe('ok');
    expect(await ask(`http://nas.lan:${other.port}`, options)).toMatchObject({ code: 'FORBIDDEN' });
    expect(other.connections).toBe(0);
  });

  test('that is not found fails as the lookup does', async () => {
    const lookup = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
    expect(await ask('http://nas.lan', { lookup })).toMatchObject({ code: 'ENOTFOUND' });
  });

  test('is looked up by the system where nobody says otherwise', async () => {
    await using server = await startServer(ok);
    expect(await ask(`http://localhost:${server.port}`, {})).toBe('ok');
  });
});

describe('outside a pod', () => {
  test.each(['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]'])(
    'the address %s is the choice of whoever writes the config',
    async (host) => {
      await using server = await startServer(ok, host === '[::1]' ? '::1' : '127.0.0.1');
      expect(await ask(`http://${host}:${server.port}`, {})).toBe('ok');
    },
  );
});

describe('in a pod', () => {
  test.each([
    ['127.0.0.1', 'a loopback address'],
    ['127.1', 'a loopback address'],
    ['2130706433', 'a loopback address'],
    ['0x7f000001', 'a loopback address'],
    ['0177.0.0.1', 'a loopback address'],
    ['①②⑦.0.0.1', 'a loopback address'],
    ['[::1]', 'a loopback address'],
    ['[0:0:0:0:0:0:0:1]', 'a loopback address'],
    ['[::ffff:127.0.0.1]', 'a loopback address'],
    ['0.0.0.0', 'an unspecified address'],
    ['[::]', 'an unspecified address'],
    ['localhost', 'the pod of the agent'],
    ['LOCALHOST.', 'the pod of the agent'],
    ['vault.localhost', 'the pod of the agent'],
  ])('%s is refused unless the person who starts the agent names its origin', async (host, kind) => {
    await using server = await startServer(ok, host.startsWith('[') ? '::' : '0.0.0.0');
    const { origin } = new URL(`http://${host}:${server.port}`);
    const options = { env: IN_POD, lookup: lookupOf(['127.0.0.1']) };
    const error = forbidden(`a request to ${origin} was refused`, kind, `--allow-origin ${origin}`);
    expect(await ask(`http://${host}:${server.port}`, options)).toMatchObject(error);
    expect(await ask(`http://${host}:${server.port}`, options, { servername: 'x' })).toMatchObject(error);
    expect(server.connections).toBe(0);
    expect(await ask(`http://${host}:${server.port}`, { ...options, allowedOrigins: [origin] })).toBe('ok');
  });

  test.each(['169.254.169.254', '[fe80::1]', '[fd00:ec2::254]', '[64:ff9b::a9fe:a9fe]', '100.100.100.200'])(
    '%s is refused',
    async (host) => expect(await ask(`http://${host}`, { env: IN_POD })).toMatchObject({ code: 'FORBIDDEN' }),
  );

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['by its address', IN_POD, 'https://10.96.0.1'],
    ['by its address in another notation', IN_POD, 'https://[::ffff:10.96.0.1]'],
    ['by http', IN_POD, 'http://10.96.0.1:443'],
    ['at the usual port', { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, 'https://10.96.0.1'],
    [
      'at another port',
      { KUBERNETES_SERVICE_HOST: '10.0.0.7', KUBERNETES_SERVICE_PORT: '6443' },
      'https://10.0.0.7:6443',
    ],
    ['by IPv6', { KUBERNETES_SERVICE_HOST: 'fd00::1' }, 'https://[fd00:0::1]'],
    ['by its name', { KUBERNETES_SERVICE_HOST: 'api.example' }, 'https://API.example.'],
    ['as kubernetes.default', IN_POD, 'https://kubernetes.default'],
    ['as kubernetes.default.svc', IN_POD, 'https://kubernetes.default.svc:8443'],
    ['as kubernetes.default.svc.cluster.local', IN_POD, 'https://kubernetes.default.svc.cluster.local.'],
  ])('the API server is refused %s', async (_, env, origin) => {
    const lookup = lookupOf(['192.0.2.1']);
    expect(await ask(origin, { env, lookup })).toMatchObject(forbidden('the API server of this cluster'));
  });

  test('the API server is refused under any name that leads to its address, at its port', async () => {
    const lookup = lookupOf(['192.0.2.1', '::ffff:10.96.0.1']);
    expect(await ask('https://nas.lan', { env: IN_POD, lookup })).toMatchObject(
      forbidden('nas.lan resolves to ::ffff:10.96.0.1', 'the API server of this cluster'),
    );
    const named = { KUBERNETES_SERVICE_HOST: 'api.example' };
    const both = lookupOf(['192.0.2.1', '198.51.100.1'], ['198.51.100.1']);
    expect(await ask('https://nas.lan', { env: named, lookup: both })).toMatchObject(
      forbidden('nas.lan resolves to 198.51.100.1'),
    );
    expect(both.asked).toEqual(['nas.lan', 'api.example']);
    expect(await ask('https://198.51.100.1', { env: named, lookup: lookupOf(['198.51.100.1']) })).toMatchObject(
      forbidden('198.51.100.1 is the API server'),
    );
  });

  test('another port of its address is another service', async () => {
    const env = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '6443' };
    const found = { address: '192.0.2.1', family: 4 };
    const rules = new AddressRules({ env, lookup: lookupOf(['192.0.2.1']) });
    expect(await rules.resolve('https://192.0.2.1')).toEqual([found]);
    expect(await rules.resolve('https://nas.lan')).toEqual([found]);
    await expect(rules.resolve('https://nas.lan:6443')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('with origins in the grants', () => {
  test.each([
    ['127.0.0.1', 'a loopback address'],
    ['169.254.169.254', 'a link-local address'],
    ['10.96.0.1', 'the API server of this cluster'],
  ])('a name among them that leads to %s today is refused: its DNS may be in other hands', async (address, kind) => {
    const origin = 'https://nas.lan';
    const rules = { env: IN_POD, lookup: lookupOf([address]), grantedOrigins: [origin] };
    const error = forbidden(`nas.lan resolves to ${address}`, kind, `--allow-origin ${origin}: granting a name`);
    expect(await ask(origin, rules)).toMatchObject(error);
    const both = new AddressRules({ ...rules, allowedOrigins: [origin] });
    expect(await both.resolve(origin)).toMatchObject([{ address }]);
  });

  test('an address, localhost and the API server are reached where they are written there', async () => {
    await using server = await startServer(ok);
    for (const host of ['127.0.0.1', 'localhost', 'vault.localhost']) {
      const origin = `http://${host}:${server.port}`;
      const options = { env: IN_POD, lookup: lookupOf(['127.0.0.1']), grantedOrigins: [origin] };
      expect(await ask(origin, options)).toBe('ok');
    }
    for (const origin of ['https://10.96.0.1', 'https://kubernetes.default.svc']) {
      const rules = new AddressRules({ env: IN_POD, lookup: lookupOf(['10.96.0.1']), grantedOrigins: [origin] });
      expect(await rules.resolve(origin)).toEqual([{ address: '10.96.0.1', family: 4 }]);
    }
  });

  test('no other origin is asked, whatever its name', async () => {
    const options = { lookup: lookupOf(['192.0.2.1']), grantedOrigins: ['https://nas.lan'] };
    expect(await ask('https://other.lan', options)).toMatchObject(forbidden('not among the origins that are granted'));
  });
});

describe('through a proxy', () => {
  test('names are for the proxy to look up; what is written is still checked; the proxy is the person’s choice', async () => {
    await using proxy = await startServer(ok);
    await using server = await startServer(ok);
    const lookup = lookupOf(['127.0.0.1']);
    const options = { env: { ...IN_POD, HTTPS_PROXY: proxy.origin, HTTP_PROXY: proxy.origin }, lookup };
    for (const host of ['127.0.0.1', 'localhost', '169.254.169.254', 'kubernetes.default.svc'])
      for (const scheme of ['http', 'https'])
        expect(await ask(`${scheme}://${host}:${server.port}`, options)).toMatchObject({ code: 'FORBIDDEN' });
    expect(proxy.connections).toBe(0);
    await ask('https://nas.lan', options);
    expect(proxy.received).toEqual(['CONNECT nas.lan:443']);
    expect(lookup.asked).toEqual([]);
    expect(server.connections).toBe(0);
  });

  test('what NO_PROXY names is checked like everything else', async () => {
    await using proxy = await startServer(ok);
    await using server = await startServer(ok);
    const env = { HTTP_PROXY: proxy.origin, NO_PROXY: '.lan' };
    const error = await ask(`http://nas.lan:${server.port}`, { env, lookup: lookupOf(['127.0.0.1']) });
    expect(error).toMatchObject({ code: 'FORBIDDEN' });
    expect(proxy.connections + server.connections).toBe(0);
  });
});

describe('with a client’s own TLS settings', () => {
  const tls = { servername: 'nas.lan' };

  async function refusedBy(url: string | URL, dispatcher: Dispatcher): Promise<unknown> {
    return refusal(request(url, { dispatcher }));
  }

  test('another origin is refused, and so is a redirect to it', async () => {
    await using other = await startServer(ok);
    await using own = await startServer((_, response) =>
      response.writeHead(307, { location: `//127.0.0.1:${other.port}/` }).end(),
    );
    await using dispatchers = new Dispatchers({ env: {} });
    const dispatcher = dispatchers.for({ identity: 'x', origins: [own.origin] }, tls);
    expect(await refusedBy(other.origin, dispatcher)).toBe('FORBIDDEN');
    expect(await refusedBy(new URL(`//127.0.0.1:${other.port}`, own.origin), dispatcher)).toBe('FORBIDDEN');
    expect(await refusedBy(`http://127.0.0.1:${own.port}@127.0.0.1:${other.port}`, dispatcher)).toBe('FORBIDDEN');
    expect(await refusal(fetch(own.origin, { dispatcher }))).toBe('FORBIDDEN');
    const following = dispatcher.compose(interceptors.redirect({ maxRedirections: 3 }));
    expect(await refusedBy(own.origin, following)).toBe('FORBIDDEN');
    expect(own.received).toHaveLength(2);
    expect(other.connections).toBe(0);
  });

  test('the certificates to trust are its own, and one that is none is an error of the request alone', async () => {
    const certificate = selfSignedCertificate();
    await using server = await listen((_, response) => response.end('ok'), certificate);
    const origin = server.url.replace('127.0.0.1', 'localhost');
    expect(await ask(origin, {}, { ca: certificate.cert })).toBe('ok');
    expect(await ask(origin, {})).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const none = '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n';
    expect(await ask(origin, {}, { cert: none, key: none })).toMatchObject({
      code: expect.stringMatching(/^ERR_OSSL_/),
    });
  });
});

test.each(['http://evil.example/', 'https://evil.example/'])(
  'a path that is a url is refused: a proxy or the server itself could go there (%s)',
  async (path) => {
    await using server = await startServer(ok);
    await using dispatchers = new Dispatchers({ env: {} });
    const dispatcher = dispatchers.for({ identity: 'x', origins: [server.origin] });
    await expect(dispatcher.request({ origin: server.origin, path, method: 'GET' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    const tunnel = dispatcher.connect({ origin: server.origin, path: 'evil.example:443' });
    await expect(tunnel).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(server.connections).toBe(0);
  },
);
