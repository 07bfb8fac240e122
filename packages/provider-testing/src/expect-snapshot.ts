import { isProviderError } from '@hikyaku/core';
import type { Snapshot } from '@hikyaku/core';
import { ContractFailure } from './contract-failure.ts';
import { describeEntry, describeId } from './describe.ts';
import { sameBytes } from './sample.ts';

/** The secret is there, with this value. */
export function expectValue(snapshot: Snapshot, id: string, bytes: Uint8Array): void {
  const secret = snapshot.secrets.get(id);
  if (secret === undefined) {
    throw new ContractFailure({
      got: `${describeId(id)} is ${describeEntry(snapshot, id)}`,
      expected: `in \`secrets\`, with its value of ${bytes.byteLength} bytes`,
    });
  }
  if (sameBytes(secret.value.reveal(), bytes)) return;
  throw new ContractFailure({
    got: `${describeId(id)} has another value: ${secret.value.byteLength} bytes${differenceOf(secret.value.reveal(), bytes)}`,
    expected: `its ${bytes.byteLength} bytes exactly, with nothing trimmed, decoded, replaced or remembered from before`,
  });
}

/** The secret does not exist, and the snapshot says so. */
export function expectAbsent(snapshot: Snapshot, id: string): void {
  if (!snapshot.secrets.has(id) && snapshot.unknown?.has(id) !== true) return;
  throw new ContractFailure({
    got: `${describeId(id)} is ${describeEntry(snapshot, id)}`,
    expected: 'in neither map, for it does not exist',
  });
}

/** The secret could not be read, or could; but nobody says that it does not exist. */
export function expectNotAbsent(snapshot: Snapshot, id: string): void {
  if (snapshot.secrets.has(id) || snapshot.unknown?.has(id) === true) return;
  throw new ContractFailure({
    got: `${describeId(id)} is in neither map, which says that it does not exist; the agent may remove it from the cluster`,
    expected: 'in `secrets` with its value, in `unknown`, or a read that rejects',
  });
}

/** `unknown` has it, with an error that callers can branch on. */
export function expectUnknown(snapshot: Snapshot, id: string): void {
  const error = snapshot.unknown?.get(id);
  if (isProviderError(error)) return;
  throw new ContractFailure({
    got:
      error === undefined
        ? `${describeId(id)} is ${describeEntry(snapshot, id)}`
        : `${describeId(id)} is in \`unknown\` with something that is no ProviderError`,
    expected: 'in `unknown`, with a ProviderError',
  });
}

function differenceOf(a: Uint8Array, b: Uint8Array): string {
  const first = a.findIndex((byte, index) => byte !== b[index]);
  return first === -1 || first >= b.byteLength ? '' : `, different from byte ${first} on`;
}
