import { expect, test } from 'vitest';
import { addressKind, sameAddress } from './address-kind.ts';

test.each([
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::127.0.0.1', 'loopback'],
  ['64:ff9b::127.0.0.1', 'loopback'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['169.254.169.254', 'link-local'],
  ['169.254.0.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['febf::1', 'link-local'],
  ['::ffff:169.254.169.254', 'link-local'],
  ['64:ff9b::a9fe:a9fe', 'link-local'],
  ['fd00:ec2::254', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['::ffff:100.100.100.200', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['192.0.0.192', 'metadata'],
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['::', 'unspecified'],
  ['::ffff:0.0.0.0', 'unspecified'],
  ['64:ff9b::', 'unspecified'],
])('%s is %s', (address, kind) => expect(addressKind(address)).toBe(kind));

test.each([
  '8.8.8.8',
  '10.0.0.1',
  '192.168.1.10',
  '100.64.0.1',
  '126.255.255.255',
  '128.0.0.1',
  '169.253.255.255',
  '2606:4700::1111',
  'fd00::1',
  'fec0::1',
  '::2:0:1',
  '::ffff:10.0.0.1',
  '64:ff9b::8.8.8.8',
])('%s is an address like others', (address) => expect(addressKind(address)).toBeUndefined());

test('one address is the same in every notation', () => {
  expect(sameAddress('10.96.0.1', '::ffff:10.96.0.1')).toBe(true);
  expect(sameAddress('::ffff:a60:1', '10.96.0.1')).toBe(true);
  expect(sameAddress('fd00::1', 'fd00:0:0::1')).toBe(true);
  expect(sameAddress('10.96.0.1', '10.96.0.2')).toBe(false);
  expect(sameAddress('10.96.0.1', 'fd00::1')).toBe(false);
});
