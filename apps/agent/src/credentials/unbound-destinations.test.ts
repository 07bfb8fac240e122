import kubernetes from '@hikyaku/provider-kubernetes';
import doppler from '@hikyaku/provider-doppler';
import sakura from '@hikyaku/provider-sakura';
import webhook from '@hikyaku/provider-webhook';
import { expect, test } from 'vitest';
import { refusedDestinations, usualOrigin } from './unbound-destinations.ts';

test('where there is one service of a kind, its address is known', () => {
  expect(usualOrigin(doppler)).toBe('https://api.doppler.com');
  expect(usualOrigin(sakura)).toBe('https://secure.sakura.ad.jp');
  expect(usualOrigin(webhook)).toBeUndefined();
  expect(usualOrigin(kubernetes)).toBeUndefined();
});

test.each([
  ['https://api.doppler.com', []],
  ['https://api.doppler.com:443', []],
  ['http://api.doppler.com', ['http://api.doppler.com']],
  ['https://api.doppler.com:8443', ['https://api.doppler.com:8443']],
  ['https://evil.example', ['https://evil.example']],
  ['https://relay.lan', []],
])('Doppler at %s: refused are %j', (origin, refused) => {
  const description = { identity: 'x', origins: [origin] };
  expect(refusedDestinations({ provider: doppler, description }, ['https://relay.lan/'])).toEqual(refused);
});

test('where there is no one service of its kind, whatever is not named is refused', () => {
  const description = { identity: 'x', origins: ['https://nas.lan', 'https://login.lan'] };
  expect(refusedDestinations({ provider: webhook, description }, [])).toEqual(description.origins);
  expect(refusedDestinations({ provider: webhook, description }, ['https://nas.lan:443'])).toEqual([
    'https://login.lan',
  ]);
});

test('a kubeconfig says itself where it goes', () => {
  const description = { identity: 'x', origins: ['https://hub.lan:6443'] };
  expect(refusedDestinations({ provider: kubernetes, description }, [])).toEqual([]);
});
