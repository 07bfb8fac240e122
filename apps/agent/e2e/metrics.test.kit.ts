import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { ensureReferenceTool } from '@hikyaku/reference-tools';
import type { Running } from '@hikyaku/testbed';
import { vi } from 'vitest';
import { parse } from 'yaml';

/** What one scrape gave. */
export class Scrape {
  /** Seconds since 1970. */
  readonly at = Date.now() / 1_000;
  readonly text: string;
  readonly type: string;
  readonly series: readonly Series[];

  constructor(text: string, type: string) {
    this.text = text;
    this.type = type;
    this.series = text.split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [seriesOf(line)]));
  }

  /** The values of those that have all these labels. */
  values(name: string, labels: Labels = {}): readonly number[] {
    return this.series
      .filter((one) => one.name === name && Object.entries(labels).every(([label, text]) => one.labels[label] === text))
      .map(({ value }) => value);
  }

  /** Of all of them together. */
  sum(name: string, labels: Labels = {}): number {
    return this.values(name, labels).reduce((a, b) => a + b, 0);
  }
}

export type Labels = Readonly<Record<string, string>>;

export interface Series {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Of a running agent with `--health`. */
export async function scrape(agent: Running): Promise<Scrape> {
  const { port } = await agent.logged({ msg: 'answering probes' });
  const response = await fetch(`http://127.0.0.1:${String(port)}/metrics`);
  return new Scrape(await response.text(), response.headers.get('content-type') ?? '');
}

/** Again and again, until one is as wanted. */
export async function scrapeUntil(
  agent: Running,
  holds: (now: Scrape) => boolean,
  options: { readonly timeout: number },
): Promise<Scrape> {
  const look = async () => {
    const now = await scrape(agent);
    if (!holds(now)) throw new Error(`not yet:\n${now.text.slice(0, 20_000)}`);
    return now;
  };
  return await vi.waitFor(look, { interval: 200, ...options });
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Labels;
  readonly annotations: { readonly summary: string; readonly description: string };
}

export const rulesPath = new URL('../../../deploy/prometheus-rules.yaml', import.meta.url);

export async function readAlertRules(): Promise<readonly AlertRule[]> {
  const { groups }: { groups: readonly { readonly rules: readonly AlertRule[] }[] } = parse(
    await readFile(rulesPath, 'utf8'),
  );
  return groups.flatMap(({ rules }) => rules);
}

/** What promtool says; throws with it where it refuses. */
export async function promtool(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(await ensureReferenceTool('promtool'), args, {
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => {
    const { stdout: said = '', stderr = '' } = Object(error);
    throw new Error(`promtool ${args.join(' ')}:\n${String(said).slice(-8_000)}${String(stderr).slice(-8_000)}`);
  });
  return stdout;
}

function seriesOf(line: string): Series {
  const [, name = '', labels = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === '') throw new Error(`not a line of metrics: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text]);
  return { name, labels: Object.fromEntries(pairs), value: Number(value) };
}
