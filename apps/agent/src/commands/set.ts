import { readCurrent } from '@hikyaku/engine';
import type { ConnectOptions } from '../connect-cluster.ts';
import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import type { ExitCode } from '../exit-code.ts';
import { planChanges } from '../writing/changes.ts';
import { openWritableSource } from '../writing/open-source.ts';
import { readValue } from '../writing/read-value.ts';
import type { ValueOptions } from '../writing/read-value.ts';
import { writeChanges } from '../writing/write-changes.ts';
import type { WriteOptions } from '../writing/write-changes.ts';

export type SetOptions = ConnectOptions & ValueOptions & WriteOptions;

/** Makes or changes one secret of a source. The value is never an argument: the history and the process list would keep it. */
export async function set(sourceName: string, name: string, options: SetOptions, edge: Edge): Promise<ExitCode> {
  await using opened = await openWritableSource(sourceName, options, edge);
  // Before the value is asked for: whoever is typing wants to know first that it cannot be written.
  const current = await readCurrent(opened.client, [name], edge);
  const value = await readValue(name, options, edge);
  // A pipe is no place for a question, and whoever sets one secret has said which.
  const yes = options.yes === true || !isInteractive(edge);
  return await writeChanges(opened, planChanges([{ name, value }], current), { ...options, yes }, edge);
}
