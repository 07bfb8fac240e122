import { expect, test } from 'vitest';
import { isLoopback, isOwnHost } from './page-security.ts';

test('a request by another name is not for this page', () => {
  for (const host of ['localhost', 'localhost:9000', 'LocalHost:1', '127.0.0.1:8080', '[::1]', '[::1]:8080'])
    expect(isOwnHost(host, '127.0.0.1'), host).toBe(true);
  const others = [
    'evil.example',
    'localhost.evil.example:80',
    '127.0.0.1.nip.io',
    'localhost:80:80',
    'a@localhost',
    '10.0.0.5',
  ];
  for (const host of [...others, '[::2]', '', ' localhost', undefined])
    expect(isOwnHost(host, '127.0.0.1'), host).toBe(false);
});

test('the host that was given is its own, and nothing beside it', () => {
  expect(isOwnHost('NAS.lan:8080', 'nas.lan')).toBe(true);
  expect(isOwnHost('[fd00::5]:8080', 'fd00::5')).toBe(true);
  expect(isOwnHost('x.nas.lan', 'nas.lan')).toBe(false);
});

test('who listens everywhere is reached by any address, and by no name of somebody else', () => {
  for (const given of ['0.0.0.0', '::']) {
    expect(isOwnHost('10.0.0.5:8080', given)).toBe(true);
    expect(isOwnHost('[fd00::5]:8080', given)).toBe(true);
    expect(isOwnHost('evil.example', given)).toBe(false);
  }
});

test('this machine alone is 127.0.0.0/8, ::1 and localhost', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) expect(isLoopback(host), host).toBe(true);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.example'])
    expect(isLoopback(host), host).toBe(false);
});
