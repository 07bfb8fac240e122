import { setTimeout as delay } from 'node:timers/promises';
import { SecretValue } from '@hikyaku/core';
import { NotChecked } from '../check.ts';
import type { Claim } from '../check.ts';
import type { Connection, Outcome } from '../connection.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeError } from '../describe.ts';
import { expectAbsent, expectValue } from '../expect-snapshot.ts';
import { bytesOf, randomText } from '../sample.ts';
import type { Trial } from '../trial.ts';

const contract =
  "`CallOptions` in @hikyaku/core: when the signal aborts, the call rejects with the signal's reason, soon and without side effects of its own";

/** Calls that nobody waits for any more. */
export const cancellation: readonly Claim[] = [
  {
    title: 'cancellation: a read whose signal has aborted rejects with its reason and asks nobody',
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const before = connection.context.requests.length;
      const outcome = await trial.settle(readOf(connection, trial, AbortSignal.abort(REASON)), 'read', 'still');
      expectReason(outcome, 'read');
      expectNoRequests(connection, before);
    },
  },
  {
    title: 'cancellation: a list whose signal has aborted rejects with its reason and asks nobody',
    needs: ['list'],
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const before = connection.context.requests.length;
      const list = async () => connection.client.list?.({ signal: AbortSignal.abort(REASON) });
      expectReason(await trial.settle(list(), 'list', 'still'), 'list');
      expectNoRequests(connection, before);
    },
  },
  {
    title: 'cancellation: a write whose signal has aborted rejects with its reason and writes nothing',
    needs: ['write'],
    contract,
    async run(trial) {
      const connection = await trial.connect();
      const before = connection.context.requests.length;
      const name = trial.spare(1);
      const bytes = bytesOf(randomText());
      trial.made(name, bytes);
      const changes = [{ name, value: SecretValue.of(bytes) }];
      const write = async () => connection.client.write?.(changes, { signal: AbortSignal.abort(REASON) });
      expectReason(await trial.settle(write(), 'write', 'still'), 'write');
      expectNoRequests(connection, before);
      expectAbsent(await connection.readNames([name]), name);
    },
  },
  {
    title: 'cancellation: a read that is stopped at once rejects with the reason, and the next one works',
    contract,
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      const stop = new AbortController();
      const reading = readOf(connection, trial, stop.signal);
      stop.abort(REASON);
      const outcome = await trial.settle(reading, 'read', 'still');
      // It may have been done by then.
      if ('error' in outcome) expectReason(outcome, 'read');
      expectValue(await connection.readNames([name]), name, bytes);
    },
  },
  {
    title: 'cancellation: a read that waits for a silent service rejects with the reason, and the next one works',
    needs: ['faults.hang', 'recover'],
    contract,
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      await trial.begin('hang');
      const stop = new AbortController();
      const reading = readOf(connection, trial, stop.signal);
      await Promise.race([trial.settle(reading, 'read', 'real').catch(() => {}), delay(100)]);
      stop.abort(REASON);
      const outcome = await trial.settle(reading, 'read whose signal has aborted', 'still');
      if ('value' in outcome) throw new NotChecked('the read ended though the service hangs');
      expectReason(outcome, 'read');
      await trial.recover();
      expectValue(await connection.readNames([name]), name, bytes);
    },
  },
];

const REASON = new Error('the conformance suite has stopped this call');

async function readOf({ client }: Connection, { present }: Trial, signal: AbortSignal): Promise<unknown> {
  return client.read({ all: false, refs: [{ name: present.name }], signal, progress() {} });
}

function expectReason(outcome: Outcome<unknown>, call: string): void {
  if ('error' in outcome && outcome.error === REASON) return;
  throw new ContractFailure({
    got: 'value' in outcome ? `\`${call}\` resolved` : `\`${call}\` rejected with ${describeError(outcome.error)}`,
    expected:
      '`signal.reason` itself: `signal.throwIfAborted()` before the work, and in a `catch` before anything else',
    ...('error' in outcome && { cause: outcome.error }),
  });
}

function expectNoRequests({ context }: Connection, before: number): void {
  const length = context.requests.length - before;
  if (length > 0) throw new ContractFailure({ got: `${length} requests were sent all the same`, expected: 'none' });
}
