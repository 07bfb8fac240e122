import { isProviderError } from '@hikyaku/core';
import type { ProviderError, ReadRequest, Snapshot } from '@hikyaku/core';
import { NotChecked } from '../check.ts';
import type { Claim } from '../check.ts';
import type { Connection, Outcome } from '../connection.ts';
import { ContractFailure } from '../contract-failure.ts';
import { describeError } from '../describe.ts';
import { expectNotAbsent, expectValue } from '../expect-snapshot.ts';
import { failures, FAULTS, RETRY_AFTER_MS } from '../faults.ts';
import type { Fault } from '../fixture.ts';
import type { Trial } from '../trial.ts';

const codes =
  '`ProviderErrorCode` in @hikyaku/core; a read throws when nothing at all can be said, else `unknown` has the error';

/** The service fails. */
export const faults: readonly Claim[] = [
  ...failures.flatMap((fault): readonly Claim[] => [
    {
      title: `faults: ${FAULTS[fault].text} is ${FAULTS[fault].codes.join(' or ')}`,
      needs: [`faults.${fault}`],
      contract: codes,
      run: (trial) => checkCode(trial, fault),
    },
    {
      title: `faults: ${FAULTS[fault].text} makes nothing absent`,
      needs: [`faults.${fault}`],
      contract:
        '`Snapshot` in @hikyaku/core: a secret in neither map does not exist. Never leave out what could not be read: the agent removes it',
      run: (trial) => checkNothingAbsent(trial, fault),
    },
    {
      title: `faults: after ${FAULTS[fault].text}, reads work again by themselves`,
      needs: [`faults.${fault}`, 'recover'],
      contract: 'a client is made once and used for as long as the agent runs: no failure may stay in it',
      run: (trial) => checkRecovery(trial, fault),
    },
  ]),
  {
    title: 'faults: too many requests says when to come back',
    needs: ['faults.rateLimited'],
    contract: '`ProviderError.retryAfterMs` in @hikyaku/core: milliseconds from now, where the service told',
    run: checkRetryAfter,
  },
  {
    title: 'faults: a slow answer is waited for',
    needs: ['faults.slow'],
    contract: 'a service that answers in time works, however small the pieces',
    async run(trial) {
      const { name, bytes } = trial.present;
      const connection = await trial.connect();
      await trial.begin('slow');
      expectValue(await connection.read({ refs: [{ name }] }, 'real'), name, bytes);
    },
  },
];

async function checkCode(trial: Trial, fault: Fault): Promise<void> {
  const connection = await trial.connect();
  const reads = await readsOf(trial, connection);
  await trial.begin(fault);
  let pretending = 0;
  for (const { request, what } of reads) {
    const outcome = await connection.tryRead(request);
    const errors = errorsOf(outcome);
    for (const error of errors) expectCode(error, fault, what);
    // Whether something is absent is said by another check.
    if (errors.length > 0 || 'error' in outcome || !saysAll(outcome.value, request)) continue;
    pretending++;
    // A read by name may need no list.
    if (fault !== 'shortList' || pretending === reads.length) throw pretended(what, fault);
  }
}

async function checkNothingAbsent(trial: Trial, fault: Fault): Promise<void> {
  const used = await trial.connect();
  const reads = await readsOf(trial, used);
  const known = new Map(reads.flatMap(({ request }) => [...request.previous.secrets]));
  await trial.begin(fault);
  for (const connection of [used, await trial.connect()]) {
    for (const { request } of reads) {
      const { previous, ...withoutPrevious } = request;
      const progress: Snapshot[] = [];
      const outcome = await connection.tryRead({
        ...withoutPrevious,
        ...(connection === used && { previous }),
        progress: (snapshot) => void progress.push(snapshot),
      });
      for (const snapshot of 'value' in outcome ? [...progress, outcome.value] : progress) {
        for (const id of previous.secrets.keys()) {
          expectNotAbsent(snapshot, id);
          const value = known.get(id)?.value.reveal();
          if (value !== undefined && snapshot.secrets.has(id)) expectValue(snapshot, id, value);
        }
      }
    }
  }
}

async function checkRecovery(trial: Trial, fault: Fault): Promise<void> {
  const { name, bytes } = trial.present;
  const used = await trial.connect();
  await used.readNames([name]);
  await trial.begin(fault);
  // Also one that has never seen the service work.
  const connections = [used, await trial.connect()];
  for (const connection of connections) await connection.tryRead({ refs: [{ name }] });
  await trial.recover();
  for (const connection of connections) expectValue(await readAgain(trial, connection, name), name, bytes);
}

/** Reads as the agent does: after a failure again, when its error says so. */
async function readAgain({ clock }: Trial, connection: Connection, name: string): Promise<Snapshot> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await connection.tryRead({ refs: [{ name }] });
    if ('value' in outcome && (outcome.value.unknown?.size ?? 0) === 0) return outcome.value;
    const [error] = errorsOf(outcome);
    if (attempt === 5) {
      throw new ContractFailure({
        got: `five reads after the service had recovered, the error is still ${describeError(error)}`,
        expected: 'a read that works, without a new connection',
        cause: error,
      });
    }
    const waitMs = (isProviderError(error) ? error.retryAfterMs : undefined) ?? 10_000;
    if (clock.advance === undefined && isProviderError(error) && error.code === 'RATE_LIMITED')
      throw new NotChecked(`it takes ${waitMs / 1000} s; give a FakeClock as \`clock\``);
    await clock.advance?.(waitMs);
  }
}

async function checkRetryAfter(trial: Trial): Promise<void> {
  const connection = await trial.connect();
  await trial.begin('rateLimited');
  const errors = errorsOf(await connection.tryRead({ refs: [{ name: trial.present.name }] }));
  for (const error of errors) {
    if (!isProviderError(error) || error.code !== 'RATE_LIMITED') continue; // said by another check
    const ms = error.retryAfterMs;
    if (ms !== undefined && Math.abs(ms - RETRY_AFTER_MS) <= 5000) continue;
    throw new ContractFailure({
      got: `retryAfterMs is ${ms}, and the service asked for ${RETRY_AFTER_MS}`,
      expected: `about ${RETRY_AFTER_MS}. The header \`retry-after\` is in seconds, or a date`,
    });
  }
}

interface Read {
  readonly what: string;
  readonly request: Partial<ReadRequest> & { readonly previous: Snapshot };
}

/** The reads that the fixture allows, with what they give while all is well. */
async function readsOf(trial: Trial, connection: Connection): Promise<readonly Read[]> {
  const refs = [{ name: trial.present.name }];
  const reads: Read[] = [{ what: 'the read by name', request: { refs, previous: await connection.read({ refs }) } }];
  if (trial.fixture.all !== undefined)
    reads.push({ what: 'the read of everything', request: { all: true, previous: await connection.readAll() } });
  return reads;
}

/** Thrown, or of single secrets. */
function errorsOf(outcome: Outcome<Snapshot>): readonly unknown[] {
  if ('error' in outcome) return [outcome.error];
  const errors: readonly ProviderError[] = [...(outcome.value.unknown?.values() ?? [])];
  return errors.filter(({ code }) => code !== 'PENDING');
}

function saysAll(snapshot: Snapshot, { previous }: Read['request']): boolean {
  return [...previous.secrets.keys()].every((id) => snapshot.secrets.has(id));
}

function expectCode(error: unknown, fault: Fault, what: string): void {
  const { text, codes: expected, retryable } = FAULTS[fault];
  const known = isProviderError(error);
  if (known && expected.includes(error.code) && (retryable ?? error.retryable) === error.retryable) return;
  throw new ContractFailure({
    got: `${what} met ${text} and failed with ${describeError(error)}${known ? `, retryable: ${error.retryable}` : ''}`,
    expected: `a ProviderError ${expected.join(' or ')}${retryable === undefined ? '' : `, retryable: ${retryable}`}`,
    cause: error,
  });
}

function pretended(what: string, fault: Fault): ContractFailure {
  return new ContractFailure({
    got: `${what} met ${FAULTS[fault].text} and resolved, as though nothing were wrong`,
    expected: `${FAULTS[fault].codes.join(' or ')}; the agent keeps the last good data itself, and says what is wrong`,
  });
}
