import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { promtool, readAlertRules, rulesPath } from './metrics.test.kit.ts';
import type { AlertRule, Labels, Scrape, Series } from './metrics.test.kit.ts';

/** A time of an agent: two scrapes of it, some seconds apart. Without any: it did not answer. */
export interface Phase {
  readonly minutes: number;
  readonly scrapes: readonly [] | readonly [first: Scrape, second: Scrape];
}

/** What Prometheus adds; `namespace` is that of the agent. */
export const TARGET = { job: 'hikyaku', instance: '10.0.0.7:8080', namespace: 'hikyaku', pod: 'hikyaku-0' };

/** Real scrapes, each told again every minute for as long as its phase lasts, to the alert rules by `promtool test rules`. */
export class AlertTrial {
  readonly #phases: Phase[] = [];
  #minutes = 0;

  add(phase: Phase): void {
    this.#phases.push(phase);
    this.#minutes += phase.minutes;
  }

  /** At the end of what was added so far. */
  get minutes(): number {
    return this.#minutes;
  }

  /** Throws what promtool says where at one of these minutes other alerts fire than these, or wait to fire. */
  async expect(moments: readonly Moment[]): Promise<void> {
    const rules = await readAlertRules();
    const folder = await mkdtemp(join(tmpdir(), 'hikyaku-alerts-'));
    try {
      const path = join(folder, 'test.yaml');
      await writeFile(path, stringify(this.#file(rules, moments)));
      await promtool('test', 'rules', path);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  #file(rules: readonly AlertRule[], moments: readonly Moment[]) {
    const known = rules.map(({ expr }) => expr).join('\n');
    const names = new Set(known.match(/\b[a-z]+_[a-z_]+\b/g));
    return {
      rule_files: [fileURLToPath(rulesPath)],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: this.#series((name) => names.has(name)),
          alert_rule_test: moments.flatMap(({ minute, firing = [] }) =>
            rules.map((rule) => ({
              eval_time: `${minute}m`,
              alertname: rule.alert,
              exp_alerts: firing.filter(({ alert }) => alert === rule.alert).map((one) => expected(rule, one)),
            })),
          ),
          promql_expr_test: moments.map(({ minute, pending = [] }) => ({
            expr: 'ALERTS{alertstate="pending"}',
            eval_time: `${minute}m`,
            exp_samples: pending.map(({ alert, labels }) => {
              const own = rules.find((rule) => rule.alert === alert)?.labels;
              return {
                labels: `ALERTS${braces({ alertname: alert, alertstate: 'pending', ...own, ...labels })}`,
                value: 1,
              };
            }),
          })),
        },
      ],
    };
  }

  #series(isWanted: (name: string) => boolean): readonly object[] {
    const ids = new Map<string, Series>();
    for (const { scrapes } of this.#phases)
      for (const { series } of scrapes) for (const one of series) if (isWanted(one.name)) ids.set(idOf(one), one);
    return [...ids].map(([id, one]) => ({
      series: `${one.name}${braces({ ...TARGET, ...one.labels })}`,
      values: this.#values(id).join(' '),
    }));
  }

  /** One a minute; one that is gone is marked as Prometheus marks it. */
  #values(id: string): readonly string[] {
    const values: string[] = [];
    for (const { minutes, scrapes } of this.#phases) {
      const beginsAt = values.length * 60;
      const [first, second] = scrapes.map(({ at, series }) => ({
        at,
        value: series.find((one) => idOf(one) === id)?.value,
      }));
      for (let minute = 0; minute < minutes; minute++) {
        const value =
          first === undefined || second === undefined ? undefined : told(id, first, second, { beginsAt, minute });
        values.push(value === undefined ? 'stale' : String(value));
      }
    }
    return values;
  }
}

export interface Moment {
  readonly minute: number;
  readonly pending?: readonly Alert[];
  readonly firing?: readonly Alert[];
}

interface Alert {
  readonly alert: string;
  /** All but those that the rule gives it. */
  readonly labels: Labels;
}

interface Seen {
  readonly at: number;
  readonly value: number | undefined;
}

/** Times are told as of the clock of the trial, which begins at 0: one that went on between the two scrapes goes on, and the others stand still. */
function told(
  id: string,
  first: Seen,
  second: Seen,
  { beginsAt, minute }: { readonly beginsAt: number; readonly minute: number },
): number | undefined {
  if (second.value === undefined || !/_timestamp_seconds(\{|$)/.test(id)) return second.value;
  const goesOn = first.value !== second.value;
  return second.value - second.at + beginsAt + (goesOn ? minute * 60 : 0);
}

function expected({ labels, annotations }: AlertRule, { labels: own }: Alert) {
  return {
    exp_labels: { ...labels, ...own },
    exp_annotations: Object.fromEntries(
      Object.entries(annotations).map(([name, text]) => [
        name,
        text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => own[label] ?? ''),
      ]),
    ),
  };
}

function idOf({ name, labels }: Series): string {
  return `${name}${braces(labels)}`;
}

function braces(labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return pairs.length === 0 ? '' : `{${pairs.toSorted().join(', ')}}`;
}
