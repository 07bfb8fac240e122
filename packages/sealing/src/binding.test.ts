import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { bindingOf, bindingProblem, checkBinding, sameBinding } from './binding.ts';
import type { SealedHeader } from './sealed-header.ts';

const [first = '', second = ''] = rootCertificates;
const doppler = bindingOf('doppler', 'token', ['https://api.doppler.com']);
const header: SealedHeader = { binding: doppler, recipients: new Map(), seen: new Map() };
const unboundHeader: SealedHeader = { recipients: new Map(), seen: new Map() };

test('origins that mean the same give the same binding', () => {
  const binding = bindingOf('webhook', 'token', [
    'https://NAS.lan:443/secret?x#y',
    'http://auth.lan:80',
    'https://nas.lan',
  ]);
  expect(binding).toEqual({ use: 'webhook/token', to: ['http://auth.lan', 'https://nas.lan'] });
  expect(sameBinding(binding, bindingOf('webhook', 'token', ['http://auth.lan', 'https://nas.lan']))).toBe(true);
});

test.each([
  ['type', bindingOf('webhook', 'token', ['https://api.doppler.com'])],
  ['field', bindingOf('doppler', 'other', ['https://api.doppler.com'])],
  ['host', bindingOf('doppler', 'token', ['https://evil.example'])],
  ['host with a dot at its end', bindingOf('doppler', 'token', ['https://api.doppler.com.'])],
  ['scheme', bindingOf('doppler', 'token', ['http://api.doppler.com'])],
  ['port', bindingOf('doppler', 'token', ['https://api.doppler.com:8443'])],
  ['origin more', bindingOf('doppler', 'token', ['https://api.doppler.com', 'https://evil.example'])],
  ['origin less', bindingOf('doppler', 'token', [])],
  ['CA', bindingOf('doppler', 'token', ['https://api.doppler.com'], first)],
])('another %s is another binding', (_title, asked) => {
  expect(sameBinding(doppler, asked)).toBe(false);
  expect(() => checkBinding(header, asked)).toThrow(expect.objectContaining({ code: 'BOUND_ELSEWHERE' }));
  // The flag never skips what is there.
  expect(() => checkBinding(header, asked, { unbound: true })).toThrow(
    expect.objectContaining({ code: 'BOUND_ELSEWHERE' }),
  );
});

test('the problem says what it was sealed for, and what it was asked for', () => {
  expect(bindingProblem(doppler, doppler)).toBeUndefined();
  expect(bindingProblem(doppler, bindingOf('doppler', 'token', ['https://evil.example']))).toBe(
    'sealed for doppler/token at https://api.doppler.com, asked for doppler/token at https://evil.example',
  );
  expect(bindingProblem(doppler, bindingOf('doppler', 'token', ['https://api.doppler.com'], first))).toMatch(
    /^sealed for doppler\/token at https:\/\/api\.doppler\.com with the system's certificates, asked for .* with certificates sha256-[\w-]{43}$/,
  );
  expect(bindingProblem(bindingOf('kubernetes', 'kubeconfig', []), doppler)).toMatch(
    /^sealed for kubernetes\/kubeconfig, asked/,
  );
});

test('what says nothing of its use is refused, unless that is allowed', () => {
  expect(() => checkBinding(unboundHeader, doppler)).toThrow(expect.objectContaining({ code: 'UNBOUND' }));
  checkBinding(unboundHeader, doppler, { unbound: true });
  checkBinding(header, doppler);
});

test('certificates count, not how their PEM is laid out', () => {
  const caOf = (pem: string) => bindingOf('webhook', 'token', [], pem).ca;
  const wide = `# comment\n${first.replaceAll('\n', '\r\n  ')}\n\n`;
  expect(caOf(wide)).toBe(caOf(first));
  expect(caOf(`${second}\n${first}\n${first}`)).toBe(caOf(`${first}\n${second}`));
  expect(caOf(`${first}\n${second}`)).not.toBe(caOf(first));
});

test.each([
  ['none', ''],
  ['none within', 'hello'],
  ['one that is damaged', first.replace(/\n.{8}/, '\nAAAAAAAA')],
  [
    'one of another label, which OpenSSL would trust',
    `${first}\n${second.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')}`,
  ],
  ['one that is cut off', `${first}\n${second.slice(0, 100)}`],
])('of certificates, %s is refused', (_title, pem) => {
  expect(() => bindingOf('webhook', 'token', [], pem)).toThrow(expect.objectContaining({ code: 'INVALID_BINDING' }));
});

test('what is no http or https address is no origin', () => {
  for (const origin of ['', 'nas.lan', 'file:///etc', 'data:,x', 'javascript:1'])
    expect(() => bindingOf('webhook', 'token', [origin])).toThrow(expect.objectContaining({ code: 'INVALID_BINDING' }));
});

test('certificates of nothing but white space take no time', () => {
  const started = performance.now();
  for (const filling of [' ', '\t', '\n', ' \n', '\r'])
    expect(() =>
      bindingOf(
        'doppler',
        'token',
        ['https://a.lan'],
        `-----BEGIN CERTIFICATE-----${filling.repeat(300_000)}-----END CERTIFICATE-----`,
      ),
    ).toThrow('cannot be read');
  expect(performance.now() - started).toBeLessThan(5_000);
});
