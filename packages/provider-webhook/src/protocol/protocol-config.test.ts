import { createContext } from '@hikyaku/provider-testing';
import { expect, test } from 'vitest';
import { connectProtocol, protocolConfig } from './index.ts';

test.each([
  ['http://nas.lan', 'must be https'],
  ['https://ann:pass@nas.lan', 'no user'],
  ['https://nas.lan/?a=b', 'query'],
  ['nas.lan', 'Invalid URL'],
])('the url %s is refused', (url, because) => {
  expect(() => protocolConfig.parse({ protocol: 'hikyaku', url })).toThrow(because);
});

test.each(['https://nas.lan', 'https://nas.lan/secrets/', 'http://127.0.0.1:8080', 'http://localhost'])(
  'the url %s is fine',
  (url) => {
    expect(protocolConfig.parse({ protocol: 'hikyaku', url })).toEqual({
      protocol: 'hikyaku',
      url,
      requestsPerMinute: 60,
    });
  },
);

test('a word that is not known is refused', () => {
  expect(() => protocolConfig.parse({ protocol: 'hikyaku', url: 'https://nas.lan', paths: {} })).toThrow('paths');
});

test('credentials that are for templates are refused before anything is sent', async () => {
  await using context = createContext({ credentials: { 'headers.X-Api-Key': 'key' } });
  const config = protocolConfig.parse({ protocol: 'hikyaku', url: 'https://nas.lan' });
  expect(() => connectProtocol(config, context)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining('`headers.X-Api-Key`') }),
  );
});
