import type { PushState, RestartState, SecretState } from '@hikyaku/engine';
import { isWell } from '@hikyaku/engine';
import type { SourceStatus, StatusDocument } from '@hikyaku/kubernetes';
import { version } from '../version.ts';
import type { Durations } from './durations.ts';
import type { MetricName } from './metrics.ts';
import type { Tally } from './tally.ts';

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number | Durations;
}

export interface ProcessFigures {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly startedAtSeconds: number;
  /** Absent where it cannot be known. */
  readonly openFiles?: number;
}

/** Names that are not well and are told, at the most. */
const MOST_NAMED = 100;

/** `status`: with all times; absent while this process keeps nothing equal, so that the sum over all replicas is right. */
export function samplesOf(
  status: StatusDocument | undefined,
  tally: Tally,
  figures: ProcessFigures,
): Readonly<Record<MetricName, readonly Sample[]>> {
  return {
    hikyaku_build_info: [{ labels: { version }, value: 1 }],
    hikyaku_leader: [{ value: status === undefined ? 0 : 1 }],
    ...tallied(tally),
    process_resident_memory_bytes: [{ value: figures.residentBytes }],
    process_cpu_seconds_total: [{ value: figures.cpuSeconds }],
    process_open_fds: figures.openFiles === undefined ? [] : [{ value: figures.openFiles }],
    process_start_time_seconds: [{ value: figures.startedAtSeconds }],
    ...(status === undefined ? NOTHING : { ...ofSources(status, tally), ...ofSecrets(status), ...ofTheRest(status) }),
  };
}

function tallied({ requests, reads, rounds, writes, notices }: Tally) {
  return {
    hikyaku_requests_total: [...requests].flatMap(([source, answers]) =>
      [...answers].map(([status, value]) => ({
        labels: { source, status, cached: String(status === NOT_MODIFIED) },
        value,
      })),
    ),
    hikyaku_source_reads_total: [...reads].flatMap(([source, { changed, unchanged, failed }]) =>
      Object.entries({ changed, unchanged, failed }).map(([result, value]) => ({ labels: { source, result }, value })),
    ),
    hikyaku_source_read_seconds: [...reads].map(([source, { durations }]) => ({
      labels: { source },
      value: durations,
    })),
    hikyaku_reconcile_seconds: [{ value: rounds }],
    hikyaku_writes_total: [...writes].map(([outcome, value]) => ({ labels: { outcome }, value })),
    hikyaku_notices_total: [...notices()].flatMap(([source, counts]) =>
      Object.entries(counts).map(([result, value]) => ({ labels: { source, result }, value })),
    ),
  };
}

function ofSources({ sources }: StatusDocument, { refreshSeconds }: Tally) {
  const all = Object.entries(sources);
  const times = (pick: (one: SourceStatus) => string | undefined) =>
    all.flatMap(([source, one]) => timeOf(pick(one), { source }));
  return {
    hikyaku_sources: counted(SOURCE_STATES, Object.values(sources)),
    hikyaku_source_failing: all.map(([source, { state }]) => ({
      labels: { source },
      value: state === 'failing' ? 1 : 0,
    })),
    hikyaku_source_refresh_seconds: all.flatMap(([source]) => {
      const value = refreshSeconds.get(source);
      return value === undefined ? [] : [{ labels: { source }, value }];
    }),
    hikyaku_source_last_success_timestamp_seconds: times(({ goodAt }) => goodAt),
    hikyaku_source_next_read_timestamp_seconds: times(({ nextAt }) => nextAt),
  };
}

function ofSecrets({ secrets }: StatusDocument) {
  const oldest = Object.values(secrets)
    .flatMap(({ goodAt }) => goodAt ?? [])
    .reduce((a: string | undefined, b) => (a === undefined || b < a ? b : a), undefined);
  const { named, leftOut } = notWell(secrets, (secret) => ({ secret }));
  return {
    hikyaku_secrets: counted(SECRET_STATES, Object.values(secrets)),
    hikyaku_secret_not_well: named,
    hikyaku_secrets_not_well_left_out: [{ value: leftOut }],
    hikyaku_secrets_oldest_success_timestamp_seconds: timeOf(oldest),
  };
}

function ofTheRest({ pushes, restarts, holds, config }: StatusDocument) {
  const { named, leftOut } = notWell(pushes, (id) => {
    const [secret = '', source = ''] = id.split(' → ');
    return { secret, source };
  });
  return {
    hikyaku_pushes: counted(PUSH_STATES, Object.values(pushes)),
    hikyaku_push_not_well: named,
    hikyaku_pushes_not_well_left_out: [{ value: leftOut }],
    hikyaku_restarts: counted(RESTART_STATES, Object.values(restarts)),
    hikyaku_holds: [{ value: holds.length }],
    hikyaku_held_changes: holds.map(({ scope, changes, more = 0 }) => ({
      labels: { scope },
      value: changes.length + more,
    })),
    hikyaku_config_last_reload_successful: [{ value: config.problem === undefined ? 1 : 0 }],
    hikyaku_config_last_reload_success_timestamp_seconds: timeOf(config.loadedAt),
    hikyaku_config_undecided_entries: [{ value: config.undecided ?? 0 }],
  };
}

const NOT_MODIFIED = '304';

const NOTHING = {
  hikyaku_sources: [],
  hikyaku_source_failing: [],
  hikyaku_source_refresh_seconds: [],
  hikyaku_source_last_success_timestamp_seconds: [],
  hikyaku_source_next_read_timestamp_seconds: [],
  hikyaku_secrets: [],
  hikyaku_secret_not_well: [],
  hikyaku_secrets_not_well_left_out: [],
  hikyaku_secrets_oldest_success_timestamp_seconds: [],
  hikyaku_pushes: [],
  hikyaku_push_not_well: [],
  hikyaku_pushes_not_well_left_out: [],
  hikyaku_restarts: [],
  hikyaku_holds: [],
  hikyaku_held_changes: [],
  hikyaku_config_last_reload_successful: [],
  hikyaku_config_last_reload_success_timestamp_seconds: [],
  hikyaku_config_undecided_entries: [],
} as const;

const SOURCE_STATES = { ok: 0, reading: 0, failing: 0, unread: 0 } satisfies Record<SourceStatus['state'], 0>;
const SECRET_STATES = {
  synced: 0,
  kept: 0,
  waiting: 0,
  held: 0,
  refused: 0,
  contested: 0,
  failed: 0,
  removed: 0,
  left: 0,
} satisfies Record<SecretState, 0>;
const PUSH_STATES = {
  pushed: 0,
  kept: 0,
  waiting: 0,
  held: 0,
  refused: 0,
  failed: 0,
  removed: 0,
  left: 0,
} satisfies Record<PushState, 0>;
const RESTART_STATES = { restarted: 0, waiting: 0, refused: 0, failed: 0, left: 0 } satisfies Record<RestartState, 0>;

/** All states, so that one which nothing is in is 0 and not unknown. */
function counted<State extends string>(
  states: Readonly<Record<State, 0>>,
  all: readonly { readonly state: State }[],
): readonly Sample[] {
  const counts = new Map<string, number>(Object.entries(states));
  for (const { state } of all) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, value]) => ({ labels: { state }, value }));
}

/** Those for a person first, as what only has to be waited for may be very many. */
function notWell<State extends SecretState | PushState>(
  all: Readonly<Record<string, { readonly state: State }>>,
  labelsOf: (id: string) => Readonly<Record<string, string>>,
): { readonly named: readonly Sample[]; readonly leftOut: number } {
  const found = Object.entries(all).filter(([, { state }]) => !isWell(state));
  const sorted = found.toSorted(([, a], [, b]) => urgency(a.state) - urgency(b.state));
  return {
    named: sorted.slice(0, MOST_NAMED).map(([id, { state }]) => ({ labels: { ...labelsOf(id), state }, value: 1 })),
    leftOut: Math.max(0, found.length - MOST_NAMED),
  };
}

function urgency(state: SecretState | PushState): number {
  return ['held', 'contested', 'refused', 'kept', 'failed', 'waiting'].indexOf(state);
}

function timeOf(time: string | undefined, labels?: Readonly<Record<string, string>>): readonly Sample[] {
  return time === undefined ? [] : [{ ...(labels && { labels }), value: Date.parse(time) / 1_000 }];
}
