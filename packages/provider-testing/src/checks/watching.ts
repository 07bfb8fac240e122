import { setTimeout as delay } from 'node:timers/promises';
import { NotChecked } from '../check.ts';
import type { Claim } from '../check.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeError } from '../describe.ts';
import { expectValue } from '../expect-snapshot.ts';
import { randomText } from '../sample.ts';

const contract =
  '`SecretsClient.watch` in @hikyaku/core: yields when something may have changed; returning means that it is not offered here';

/** Milliseconds of real time in which a watch that was begun is ready, and one that is told to stop stops. */
const READY_MS = 150;

/** Changes that are told. */
export const watching: readonly Claim[] = [
  {
    title: 'watch: it yields after a change, and the next read has it',
    needs: ['watch', 'set'],
    contract,
    async run(trial) {
      const name = trial.spare(1);
      const connection = await trial.connect();
      const previous = await connection.readNames([name]);
      const iterator = connection.client.watch?.({ signal: trial.over })[Symbol.asyncIterator]();
      if (iterator === undefined) return;
      const { next } = await waitUntilQuiet(iterator);
      let bytes = await trial.set(name, randomText());
      // On a busy machine it may have begun to watch only now.
      for (let attempt = 1; attempt < 3 && !(await settlesWithin(700, next)); attempt++)
        bytes = await trial.set(name, randomText());
      const outcome = await trial.settle(next, 'next of watch, after a change', 'real');
      if ('error' in outcome) throw outcome.error;
      if (outcome.value.done === true)
        throw new ContractFailure({ got: '`watch` returned after a change', expected: 'that it yields' });
      expectValue(await connection.readNames([name], previous), name, bytes);
    },
  },
  {
    title: 'watch: it ends soon when its signal aborts',
    needs: ['watch'],
    contract: '`CallOptions` in @hikyaku/core: when the signal aborts, the call ends soon',
    async run(trial) {
      const { client } = await trial.connect();
      const stop = new AbortController();
      const reason = new Error('the conformance suite has stopped this watch');
      const ended = (async () => {
        // A pause, so that one that never waits stops nothing but itself.
        for await (const _ of client.watch?.({ signal: stop.signal }) ?? []) await delay(10);
      })();
      await Promise.race([ended.catch(() => {}), delay(READY_MS)]);
      stop.abort(reason);
      const outcome = await trial.settle(ended, 'watch whose signal has aborted', 'still');
      if ('value' in outcome || outcome.error === reason) return;
      throw new ContractFailure({
        got: `\`watch\` threw ${describeError(outcome.error)}`,
        expected: '`signal.reason` itself, or a plain end',
        cause: outcome.error,
      });
    },
  },
];

/** The next yield that has not come yet, in an object so that it is not awaited. It may yield when it begins, too. */
async function waitUntilQuiet(
  iterator: AsyncIterator<void>,
): Promise<{ readonly next: Promise<IteratorResult<void>> }> {
  for (let count = 0; count < 50; count++) {
    const next = iterator.next();
    if (!(await settlesWithin(READY_MS, next))) return { next };
    if ((await next).done === true) throw new NotChecked('`watch` returned: it is not offered here');
  }
  throw new ContractFailure({
    got: '`watch` yields without end, though nothing changes',
    expected: 'that it waits for a change: each yield costs a read',
  });
}

async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, delay(ms, false)]);
}
