import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { HistogramConfiguration } from 'prom-client';
import type { StatusFeed } from '../status/status-feed.ts';
import { BUCKETS } from './durations.ts';
import type { Durations } from './durations.ts';
import { METRICS } from './metrics.ts';
import type { MetricName } from './metrics.ts';
import { processFigures } from './process-figures.ts';
import { samplesOf } from './samples.ts';
import type { Sample } from './samples.ts';
import type { Tally } from './tally.ts';

export interface MetricsText {
  readonly type: string;
  readonly body: string;
}

/** What Prometheus is told now, in its text format. Made anew each time, so that what is gone leaves nothing behind. */
export async function metricsText({ build }: StatusFeed, tally: Tally): Promise<MetricsText> {
  const registry = new Registry();
  const samples = samplesOf(build?.(true), tally, await processFigures());
  // One of prom-client without labels is 0 by itself, and not absent.
  for (const name of NAMES) if (samples[name].length > 0) register(name, samples[name], registry);
  return { type: registry.contentType, body: await registry.metrics() };
}

const NAMES = Object.keys(METRICS) as readonly MetricName[];

function register(name: MetricName, samples: readonly Sample[], registry: Registry): void {
  const { type, labels, help } = METRICS[name];
  const options = { name, help, labelNames: labels, registers: [registry] };
  if (type === 'histogram') {
    void new Counted(options, samples);
    return;
  }
  const metric = type === 'counter' ? new Counter(options) : new Gauge(options);
  for (const sample of samples) if (typeof sample.value === 'number') metric.inc(sample.labels ?? {}, sample.value);
}

/** A histogram of what was counted already. */
class Counted extends Histogram {
  readonly #options: HistogramConfiguration<string>;
  readonly #values: readonly Value[];

  constructor(options: HistogramConfiguration<string>, samples: readonly Sample[]) {
    super(options);
    this.#options = options;
    this.#values = samples.flatMap(({ labels = {}, value }) =>
      typeof value === 'number' ? [] : valuesOf(options.name, labels, value),
    );
  }

  /** What the registry makes its text of; the types of prom-client do not tell of it. */
  async getForPromString(): Promise<object> {
    const { name, help } = this.#options;
    return { name, help, type: 'histogram', values: this.#values };
  }
}

interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

function valuesOf(
  name: string,
  labels: Readonly<Record<string, string>>,
  { counts, sum }: Durations,
): readonly Value[] {
  let upTo = 0;
  const buckets = counts.map((count, index) => {
    upTo += count;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: BUCKETS[index] ?? '+Inf' }, value: upTo };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: upTo },
  ];
}
