interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

/** All that `/metrics` may say, in its order. Those from `hikyaku_sources` on are of the replica that works. */
export const METRICS = {
  hikyaku_build_info: { type: 'gauge', labels: ['version'], help: 'Always 1; which version it is.' },
  hikyaku_leader: {
    type: 'gauge',
    labels: [],
    help: '1 while this process keeps Secrets equal, 0 while it starts or another replica leads.',
  },
  hikyaku_requests_total: {
    type: 'counter',
    labels: ['source', 'status', 'cached'],
    help: 'HTTP requests to services. status: the code of the answer, or why there was none: timeout, refused, reset, dns, tls, forbidden, aborted, failed. cached: true when the service answered 304, as nothing had changed.',
  },
  hikyaku_source_reads_total: {
    type: 'counter',
    labels: ['source', 'result'],
    help: 'Reads of a source that have ended. result: changed, unchanged (by what the service said of its revision, or as all values were the same), failed (also in part).',
  },
  hikyaku_source_read_seconds: {
    type: 'histogram',
    labels: ['source'],
    help: 'How long reads of a source took, whatever came of them.',
  },
  hikyaku_reconcile_seconds: {
    type: 'histogram',
    labels: [],
    help: 'How long rounds over the Secrets took in which at least one was put or removed, also where that changed nothing.',
  },
  hikyaku_writes_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Writes that changed a Secret of the cluster. repaired: somebody else had changed or deleted it; withdrawn: our keys were taken out of it.',
  },
  hikyaku_notices_total: {
    type: 'counter',
    labels: ['source', 'result'],
    help: 'Notices of changes that came to --receiver. result: accepted, refused (a wrong signature).',
  },
  process_resident_memory_bytes: { type: 'gauge', labels: [], help: 'Resident memory.' },
  process_cpu_seconds_total: { type: 'counter', labels: [], help: 'Processor time of user and system.' },
  process_open_fds: { type: 'gauge', labels: [], help: 'Open file descriptors; absent where /proc does not tell.' },
  process_start_time_seconds: { type: 'gauge', labels: [], help: 'When the process started, Unix time.' },
  hikyaku_sources: { type: 'gauge', labels: ['state'], help: 'Sources in use, by state.' },
  hikyaku_source_failing: {
    type: 'gauge',
    labels: ['source'],
    help: '1 while the last read of a source has failed, also in part; else 0.',
  },
  hikyaku_source_refresh_seconds: {
    type: 'gauge',
    labels: ['source'],
    help: 'The interval at which a source is read; absent where it goes by cron.',
  },
  hikyaku_source_last_success_timestamp_seconds: {
    type: 'gauge',
    labels: ['source'],
    help: 'When a read of a source last went well, Unix time; absent before the first.',
  },
  hikyaku_source_next_read_timestamp_seconds: {
    type: 'gauge',
    labels: ['source'],
    help: 'When a source is read next, Unix time; in the past while it is being read.',
  },
  hikyaku_secrets: { type: 'gauge', labels: ['state'], help: 'Secrets, by state.' },
  hikyaku_secret_not_well: {
    type: 'gauge',
    labels: ['secret', 'state'],
    help: 'Always 1: a Secret that needs a look, as namespace/name. At most 100, those for a person first.',
  },
  hikyaku_secrets_not_well_left_out: {
    type: 'gauge',
    labels: [],
    help: 'How many more Secrets need a look than hikyaku_secret_not_well names.',
  },
  hikyaku_secrets_oldest_success_timestamp_seconds: {
    type: 'gauge',
    labels: [],
    help: 'Of the times at which each Secret was last known to be equal, the oldest, Unix time; without those that never were.',
  },
  hikyaku_pushes: { type: 'gauge', labels: ['state'], help: 'Pushes, by state.' },
  hikyaku_push_not_well: {
    type: 'gauge',
    labels: ['secret', 'source', 'state'],
    help: 'Always 1: a push that needs a look, from the Secret namespace/name to the source. At most 100, those for a person first.',
  },
  hikyaku_pushes_not_well_left_out: {
    type: 'gauge',
    labels: [],
    help: 'How many more pushes need a look than hikyaku_push_not_well names.',
  },
  hikyaku_restarts: {
    type: 'gauge',
    labels: ['state'],
    help: 'Workloads that are still to be restarted, or were left alone, by state.',
  },
  hikyaku_holds: { type: 'gauge', labels: [], help: 'Plans that are held back until a person approves.' },
  hikyaku_held_changes: {
    type: 'gauge',
    labels: ['scope'],
    help: 'Changes that are held back. scope: config, source:NAME or push:NAME, as hikyaku approve takes it.',
  },
  hikyaku_config_last_reload_successful: {
    type: 'gauge',
    labels: [],
    help: '1 while the config that is there is the one in force, 0 while it is refused and the one before goes on.',
  },
  hikyaku_config_last_reload_success_timestamp_seconds: {
    type: 'gauge',
    labels: [],
    help: 'When the config in force was loaded, Unix time.',
  },
  hikyaku_config_undecided_entries: {
    type: 'gauge',
    labels: [],
    help: 'Entries for certain clusters only that are left as they are, as it is not known which cluster this is.',
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;
