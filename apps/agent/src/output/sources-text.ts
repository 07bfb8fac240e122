import type { SourceRecord } from '@hikyaku/engine';
import { count } from './count.ts';
import type { Style } from './style.ts';

/** One line per source, and what to do about those that failed. */
export function sourcesText(sources: ReadonlyMap<string, SourceRecord>, style: Style): string {
  return [...sources.values()].map((record) => `${sourceLine(record, style)}\n`).join('');
}

function sourceLine({ source, ok, secrets = 0, error }: SourceRecord, style: Style): string {
  if (ok) return `${style.good('✓')} ${source}${style.faint(`  ${count(secrets, 'secret')}`)}`;
  return `${style.bad('✗')} ${source}  ${error?.message ?? 'failed'}`;
}

export function sourcesJson(sources: ReadonlyMap<string, SourceRecord>): readonly object[] {
  return [...sources.values()].map(({ source, ok, secrets, error }) => ({
    source,
    ok,
    ...(secrets !== undefined && { secrets }),
    ...(error && { error: { code: error.code, message: error.message } }),
  }));
}
