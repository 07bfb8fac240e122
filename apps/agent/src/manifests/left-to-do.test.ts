import { expect, test } from 'vitest';
import { NO_NEEDS } from '../grants/needs.test.kit.ts';
import { leftToDo } from './left-to-do.ts';

test('a token is asked for in a way that leaves it in no history', () => {
  const install = { settings: {}, image: 'hikyaku:1', texts: [], mounted: '', grants: '', restarts: false };
  const variables = ['DOPPLER_TOKEN', 'NAS_TOKEN'];
  expect(leftToDo({ ...install, variables, destinations: [], needs: NO_NEEDS })).toEqual([
    'of the credentials, DOPPLER_TOKEN and NAS_TOKEN are taken from the Secret hikyaku-env. Its command reads a line NAME=value for each, from a pipe or typed and ended with Ctrl-D: kubectl --namespace hikyaku create secret generic hikyaku-env --from-env-file=/dev/stdin',
  ]);
});
