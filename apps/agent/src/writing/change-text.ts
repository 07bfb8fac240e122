import type { Config, SourceConfig } from '@hikyaku/config';
import type { WriteResult } from '@hikyaku/core';
import { selects } from '@hikyaku/engine';
import { count } from '../output/count.ts';
import { printable } from '../output/printable.ts';
import type { Style } from '../output/style.ts';
import type { PlannedChange } from './changes.ts';
import type { OpenSource } from './open-source.ts';

/** What would be written, and which Secrets of the config it concerns; never a value. */
export function plannedText({ config, source }: OpenSource, planned: readonly PlannedChange[], style: Style): string {
  const lines = planned.map((change) => plannedLine(change, usesOf(config, source.name, change.name), style));
  return `${style.strong(source.name)}${style.faint(`  ${source.description.identity}`)}\n${lines.join('')}`;
}

function plannedLine(change: PlannedChange, uses: readonly string[], style: Style): string {
  const { kind, value, before } = change;
  const name = printable(change.name);
  const used = uses.length === 0 ? '' : style.faint(`  used by ${uses.join(', ')}`);
  const empty = value?.byteLength === 0 ? style.bad(', and be empty') : '';
  switch (kind) {
    case 'create':
      return `  ${style.good(`+ ${name}`)}  will be created${empty}${used}\n`;
    case 'change':
      return `  ${style.change(`~ ${name}`)}  will be changed${empty}${used}\n`;
    case 'remove':
      return `  ${style.bad(`- ${name}`)}  will be removed${used}\n`;
    case 'keep':
      return `  . ${name}${style.faint(before === undefined ? '  is not there' : '  stays as it is')}\n`;
  }
}

/** The Secrets of the config that a secret goes into: `namespace/name`. */
function usesOf(config: Config, source: string, name: string): readonly string[] {
  return config.secrets
    .filter(
      ({ bulk, items }) =>
        bulk.some((item) => item.source === source && selects(item, name) !== undefined) ||
        [...items.values()].some((item) => item.source === source && item.ref.name === name),
    )
    .map((entry) => `${entry.namespace}/${entry.name}`);
}

const DONE = { create: 'created', change: 'changed', remove: 'removed', keep: 'unchanged' } as const;

/** What came of it. */
export function resultText(
  { source }: OpenSource,
  planned: readonly PlannedChange[],
  results: readonly WriteResult[],
  style: Style,
): string {
  const kinds = new Map(planned.map(({ name, kind }) => [name, kind]));
  const lines = results.map(({ name, error }) =>
    error === undefined
      ? `${style.good('✓')} ${printable(name)}  ${DONE[kinds.get(name) ?? 'change']}\n`
      : `${style.bad('✗')} ${printable(name)}  ${error.message}\n`,
  );
  const failed = results.filter(({ error }) => error !== undefined).length;
  const written = results.length - failed;
  const next = written === 0 ? '' : `${style.faint(`A running agent reads ${source.name} ${howOften(source)}.`)}\n`;
  const summary = failed === 0 ? '' : `${style.bad(`${count(failed, 'secret')} not written`)}, ${written} written\n`;
  return lines.join('') + summary + next;
}

/** The same for scripts. */
export function resultJson(
  { source }: OpenSource,
  planned: readonly PlannedChange[],
  results: readonly WriteResult[],
): string {
  const byName = new Map(results.map((result) => [result.name, result]));
  const secrets = planned.map(({ name, kind }) => {
    const { version, error } = byName.get(name) ?? {};
    return {
      name,
      action: kind,
      ...(version !== undefined && { version }),
      ...(error && { error: { code: error.code, message: error.message } }),
    };
  });
  return `${JSON.stringify({ source: source.name, secrets }, null, 2)}\n`;
}

function howOften({ refresh }: SourceConfig): string {
  return 'everyMs' in refresh ? `every ${seconds(refresh.everyMs)}` : `at \`${refresh.cron}\` (${refresh.timeZone})`;
}

function seconds(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1000}s`;
}
