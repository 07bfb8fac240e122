import { expect, test } from 'vitest';
import { formatOf } from './file-config.ts';
import file from './index.ts';

test.each<[string, string]>([
  ['a.json', 'json'],
  ['a.YAML', 'yaml'],
  ['/x/a.yml', 'yaml'],
  ['.env', 'dotenv'],
  ['app.env', 'dotenv'],
  ['x/.env.production', 'dotenv'],
  ['secrets', 'directory'],
  ['environment', 'directory'],
  ['/mnt/secrets/', 'directory'],
  ['a.json5', 'directory'],
])('%s is %s without a word', (path, format) => {
  expect(formatOf({ path })).toBe(format);
});

test('the identity is the path and what it is read as', () => {
  expect(file.describe({ path: './a/../b.json' })).toEqual({ identity: 'file b.json json', origins: [] });
  expect(file.describe({ path: 'b.json', format: 'yaml' })).toEqual({ identity: 'file b.json yaml', origins: [] });
});

test.each([{}, { path: '' }, { path: 'a\0b' }, { path: 'a', format: 'toml' }, { path: 'a', write: true }, { path: 1 }])(
  'the config %j is refused',
  async (config) => {
    expect(await file.config['~standard'].validate(config)).toHaveProperty('issues');
  },
);
