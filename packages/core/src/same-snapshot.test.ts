import { expect, test } from 'vitest';
import { ProviderError } from './provider-error.ts';
import { sameSnapshot } from './same-snapshot.ts';
import { SecretValue } from './secret-value.ts';
import type { Snapshot } from './secrets-client.ts';

function snapshot(more: Partial<Snapshot> = {}, { text = '1', version = '7', readAt = 1 } = {}): Snapshot {
  return { secrets: new Map([['A', { value: SecretValue.of(text), version, readAt }]]), ...more };
}

function unknown(code: 'PENDING' | 'FORBIDDEN', message = 'no'): Partial<Snapshot> {
  return { unknown: new Map([['B', new ProviderError(code, message)]]) };
}

test.each<[string, Snapshot, Snapshot, boolean]>([
  ['equal values', snapshot(), snapshot(), true],
  ['another value', snapshot(), snapshot({}, { text: '2' }), false],
  ['another version', snapshot(), snapshot({}, { version: '8' }), false],
  ['another time', snapshot(), snapshot({}, { readAt: 2 }), true],
  ['another revision', snapshot({ revision: 'a' }), snapshot({ revision: 'b' }), true],
  ['a secret less', snapshot(), { secrets: new Map() }, false],
  ['a secret more', { secrets: new Map() }, snapshot(), false],
  ['another name', snapshot(), { secrets: new Map([['B', { value: SecretValue.of('1'), version: '7' }]]) }, false],
  ['nothing unknown, said in two ways', snapshot(), snapshot({ unknown: new Map() }), true],
  ['one that is unknown', snapshot(), snapshot(unknown('PENDING')), false],
  ['the same unknown', snapshot(unknown('PENDING')), snapshot(unknown('PENDING')), true],
  ['unknown for another reason', snapshot(unknown('PENDING')), snapshot(unknown('FORBIDDEN')), false],
  ['unknown in other words', snapshot(unknown('PENDING')), snapshot(unknown('PENDING', 'not yet')), false],
])('%s', (_, a, b, same) => expect(sameSnapshot(a, b)).toBe(same));
