import type { Config } from '@hikyaku/config';
import { demands, isWell, secretId } from '@hikyaku/engine';
import type { HeldPlan, PushRecord, SecretRecord } from '@hikyaku/engine';
import type {
  HoldStatus,
  PushStatus,
  RestartStatus,
  SecretStatus,
  SourceStatus,
  StatusDocument,
} from '@hikyaku/kubernetes';
import type { Records } from '../records.ts';
import { momentsId, sourceState } from './moments.ts';
import type { MomentsOf } from './moments.ts';

export interface StatusParts {
  readonly agent: StatusDocument['agent'];
  readonly about: StatusDocument['config'];
  readonly config: Pick<Config, 'secrets' | 'pushes'>;
  readonly records: Records;
  readonly credentials?: StatusDocument['credentials'];
  /** Also times that change by themselves. */
  readonly withTimes: boolean;
  readonly now: number;
}

/** What is known now, of what the config in force wants. */
export function buildStatus({
  agent,
  about,
  config,
  records,
  credentials,
  withTimes,
  now,
}: StatusParts): StatusDocument {
  return {
    version: 1,
    writtenAt: iso(now),
    agent,
    config: about,
    sources: sourcesOf(config, records, withTimes),
    secrets: secretsOf(config, records, withTimes),
    pushes: pushesOf(config, records, withTimes),
    restarts: restartsOf(records),
    holds: holdsOf(config, records).map(holdStatus),
    ...(withTimes && credentials && { credentials }),
  };
}

/** What is held by what the config in force looks after. */
export function holdsOf({ pushes }: StatusParts['config'], { holds, pushes: pushed }: Records): readonly HeldPlan[] {
  const isPushed = new Set([...pushes.map(({ source }) => source), ...[...pushed.values()].flatMap(isHeld)]);
  return [...holds]
    .filter(([by]) => by === 'secrets' || isPushed.has(by.slice('push:'.length)))
    .flatMap(([, plans]) => plans);
}

function isHeld({ state, to }: PushRecord): readonly string[] {
  return state === 'held' ? [to] : [];
}

function sourcesOf(config: StatusParts['config'], { sources, moments }: Records, withTimes: boolean) {
  // What is only pushed to is never read.
  const names = [...demands(config.secrets).keys()].toSorted();
  return Object.fromEntries(
    names.map((name): readonly [string, SourceStatus] => {
      const record = sources.get(name);
      if (record === undefined) return [name, { state: 'unread' }];
      const { secrets, pending, stored, stuck, error, nextMs } = record;
      const when = moments.of(momentsId.source(name));
      return [
        name,
        {
          state: sourceState(record),
          ...sinceOf(when),
          ...(secrets !== undefined && { secrets }),
          ...(pending !== undefined && { pending }),
          ...(stored !== undefined && { stored }),
          ...(stuck !== undefined && { stuck }),
          ...(error && { code: error.code, message: error.message }),
          ...(withTimes && when?.goodAt !== undefined && { goodAt: iso(when.goodAt) }),
          ...(withTimes && when !== undefined && nextMs !== undefined && { nextAt: iso(when.saidAt + nextMs) }),
        },
      ];
    }),
  );
}

function secretsOf({ secrets: specs }: StatusParts['config'], { secrets, moments }: Records, withTimes: boolean) {
  const wanted = new Set(specs.map(secretId));
  const others = [...secrets.values()].filter(({ id, state }) => !wanted.has(id) && !OVER.has(state));
  const ids = [...wanted, ...others.map(({ id }) => id)].toSorted();
  return Object.fromEntries(
    ids.map((id): readonly [string, SecretStatus] => {
      const record: Pick<SecretRecord, 'state' | 'messages'> = secrets.get(id) ?? { state: 'waiting', messages: [] };
      return [id, entryOf(record, moments.of(momentsId.secret(id)), withTimes)];
    }),
  );
}

function pushesOf({ pushes: specs }: StatusParts['config'], { pushes, moments }: Records, withTimes: boolean) {
  const sources = new Set(specs.map(({ source }) => source));
  const records = [...pushes.values()].filter(
    ({ to, state }) => !OVER.has(state) && (sources.has(to) || state === 'held'),
  );
  return Object.fromEntries(
    records
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map((record): readonly [string, PushStatus] => {
        const { id, keys } = record;
        const entry = entryOf(record, moments.of(momentsId.push(id)), withTimes);
        return [id, { ...entry, ...(keys !== undefined && { keys }) }];
      }),
  );
}

/** What went well is told by the Pods themselves. */
function restartsOf({ restarts }: Records) {
  return Object.fromEntries(
    [...restarts.values()]
      .filter(({ state, messages }) => !isWell(state) || (state === 'left' && messages.length > 0))
      .toSorted((a, b) => (a.workload < b.workload ? -1 : 1))
      .map(({ workload, state, changes, messages }): readonly [string, RestartStatus] => [
        workload,
        { state, secrets: changes.map(({ secret }) => secret), ...(messages.length > 0 && { messages }) },
      ]),
  );
}

function entryOf<State>(
  { state, messages }: { readonly state: State; readonly messages: readonly string[] },
  when: MomentsOf | undefined,
  withTimes: boolean,
) {
  return {
    state,
    ...sinceOf(when),
    ...changedAtOf(when),
    ...(withTimes && when?.goodAt !== undefined && { goodAt: iso(when.goodAt) }),
    ...(messages.length > 0 && { messages }),
  };
}

/** Only where it is later than `since`: a line less for each of many Secrets. */
function changedAtOf(when: MomentsOf | undefined): { readonly changedAt?: string } {
  if (when?.changedAt === undefined || iso(when.changedAt) <= iso(when.since)) return {};
  return { changedAt: iso(when.changedAt) };
}

function sinceOf(when: MomentsOf | undefined): { readonly since?: string } {
  return when === undefined ? {} : { since: iso(when.since) };
}

function holdStatus({ scope, digest, messages, changes }: HeldPlan): HoldStatus {
  return { scope, digest, messages, changes };
}

/** To the second. */
export function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Its entry is gone, and all has been done. */
const OVER: ReadonlySet<string> = new Set(['removed', 'left']);
