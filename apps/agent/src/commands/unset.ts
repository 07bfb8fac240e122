import { readCurrent } from '@hikyaku/engine';
import type { ConnectOptions } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import type { ExitCode } from '../exit-code.ts';
import { planChanges } from '../writing/changes.ts';
import { openWritableSource } from '../writing/open-source.ts';
import { writeChanges } from '../writing/write-changes.ts';
import type { WriteOptions } from '../writing/write-changes.ts';

export type UnsetOptions = ConnectOptions & WriteOptions;

/** Removes secrets from a source. One that is not there is no error. */
export async function unset(
  sourceName: string,
  names: readonly string[],
  options: UnsetOptions,
  edge: Edge,
): Promise<ExitCode> {
  await using opened = await openWritableSource(sourceName, options, edge);
  const distinct = [...new Set(names)];
  const current = await readCurrent(opened.client, distinct, edge);
  const wishes = distinct.map((name) => ({ name }));
  return await writeChanges(opened, planChanges(wishes, current), options, edge);
}
