import { expect, test } from 'vitest';
import { formatSettings, mergeSettings, parseSettings } from './settings.ts';
import type { Settings } from './settings.ts';

test.each<Settings>([
  {},
  { rights: 'named', cluster: 'home', networkPolicy: true },
  { replicas: 3, receiver: 8082, page: 8083 },
  { daemonset: true },
])('%j is read back from its flags', (settings) => {
  expect(parseSettings(formatSettings(settings), 'here')).toEqual(settings);
});

test('what is usual has no flag', () => {
  expect(formatSettings({ rights: 'own', replicas: 1, daemonset: false, receiver: false })).toBe('');
});

test('a flag that is given counts, and the others are as before', () => {
  const before: Settings = { rights: 'named', replicas: 2, receiver: 8082 };
  expect(mergeSettings(before, { receiver: false })).toEqual({ rights: 'named', replicas: 2, receiver: false });
  expect(formatSettings(mergeSettings({ ...before, cluster: 'home' }, { cluster: false, receiver: false }))).toBe(
    '--rights named --replicas 2',
  );
  expect(formatSettings(mergeSettings(before, { daemonset: true }))).toBe('--rights named --daemonset --receiver 8082');
  expect(formatSettings(mergeSettings({ daemonset: true }, { replicas: 2 }))).toBe('--replicas 2');
});

test('each that is not as usual can be taken back', () => {
  const said = '--rights named --cluster home --daemonset --network-policy --receiver 8082 --page 8083';
  const back = '--rights own --no-cluster --no-daemonset --no-network-policy --no-receiver --no-page';
  expect(formatSettings(mergeSettings(parseSettings(said, 'here'), parseSettings(back, 'here')))).toBe('');
});

test('flags of another version are an error that names the file', () => {
  expect(() => parseSettings('--sidecar', 'base/kustomization.yaml')).toThrow(/^base\/kustomization.yaml names flags/);
});
