import type { CallOptions } from '@hikyaku/core';
import type { Report, SourceRecord } from './report.ts';
import type { Source } from './source.ts';

/** Reads every source once. */
export async function refreshAll(
  { sources, report }: { readonly sources: ReadonlyMap<string, Source>; readonly report: Report },
  { signal }: CallOptions,
): Promise<void> {
  await Promise.all(
    [...sources.values()].map(async (source) => {
      await source.refresh(() => reportProgress(source, report), { signal });
      reportSource(source, report);
    }),
  );
}

/** While a read goes on. */
export function reportProgress(source: Source, report: Report): void {
  if (pendingOf(source) > 0) reportSource(source, report);
}

export function reportSource(
  source: Source,
  report: Report,
  { nextMs, read }: Pick<SourceRecord, 'nextMs' | 'read'> = {},
): void {
  const { snapshot, stored, error, stuck } = source.state;
  const pending = pendingOf(source);
  report.source({
    source: source.name,
    ok: error === undefined,
    ...(snapshot && { secrets: snapshot.secrets.size }),
    ...(pending > 0 && { pending }),
    ...((stored === 'all' || stored.size > 0) && { stored: true }),
    ...(error && { error }),
    ...(stuck && { stuck }),
    ...(nextMs !== undefined && nextMs !== Infinity && { nextMs }),
    ...(read && { read }),
  });
}

function pendingOf({ state: { snapshot } }: Source): number {
  return [...(snapshot?.unknown?.values() ?? [])].filter(({ code }) => code === 'PENDING').length;
}
