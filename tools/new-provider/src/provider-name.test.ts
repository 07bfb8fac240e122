import { expect, test } from 'vitest';
import { parseProviderName, renamed } from './provider-name.ts';

test('a name is written as code writes it', () => {
  expect(parseProviderName('nas-box-2')).toEqual({
    kebab: 'nas-box-2',
    camel: 'nasBox2',
    pascal: 'NasBox2',
    upper: 'NAS_BOX_2',
  });
});

test.each(['', 'Nas', 'nas_box', '2nas', '-nas', 'nas-', 'nas--box', '../nas', 'nas/box', 'ナス', 'n'.repeat(41)])(
  '%j is no name, and the message says what is',
  (name) => {
    expect(() => parseProviderName(name)).toThrow(/is no name for a provider: lower-case letters/);
  },
);

test.each(['utils', 'testing'])('%s is a package already that is no provider', (name) => {
  expect(() => parseProviderName(name)).toThrow(`packages/provider-${name} is something else`);
});

test('the template takes the name in each way', () => {
  const name = parseProviderName('nas-box');
  expect(renamed("acmeConfig AcmeClient ACME_TOKEN 'acme' ./acme-client.ts", name)).toBe(
    "nasBoxConfig NasBoxClient NAS_BOX_TOKEN 'nas-box' ./nas-box-client.ts",
  );
});
