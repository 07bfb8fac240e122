import type { WriteResult } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { styleFor } from '../output/style.ts';
import { plannedText, resultJson, resultText } from './change-text.ts';
import { applyChanges } from './changes.ts';
import type { PlannedChange } from './changes.ts';
import { confirmOrStop } from './confirm.ts';
import type { OpenSource } from './open-source.ts';

export interface WriteOptions {
  readonly json?: boolean;
  /** Do not ask. */
  readonly yes?: boolean;
}

/** Says what will change, asks, writes it, and says what came of it. */
export async function writeChanges(
  opened: OpenSource,
  planned: readonly PlannedChange[],
  { json = false, yes = false }: WriteOptions,
  edge: Edge,
): Promise<ExitCode> {
  const { stdout, stderr } = edge;
  const changes = planned.filter(({ kind }) => kind !== 'keep');
  stderr.write(plannedText(opened, planned, styleFor(edge, stderr)));
  if (changes.length === 0) {
    if (json) stdout.write(resultJson(opened, planned, []));
    else stderr.write('nothing to change\n');
    return EXIT.fine;
  }
  if (!yes) await confirmOrStop(`Write this to ${opened.source.name}?`, edge);
  const results = await applyOrWarn(opened, planned, edge);
  stdout.write(
    json ? resultJson(opened, planned, results) : resultText(opened, planned, results, styleFor(edge, stdout)),
  );
  return results.some(({ error }) => error !== undefined) ? EXIT.failed : EXIT.fine;
}

/** Where it ends in the middle nobody can say what became of it, and the person is told so before they are told why. */
async function applyOrWarn(
  { client, source }: OpenSource,
  planned: readonly PlannedChange[],
  edge: Edge,
): Promise<readonly WriteResult[]> {
  try {
    return await applyChanges(client, planned, edge);
  } catch (error) {
    const names = planned.flatMap(({ kind, name }) => (kind === 'keep' ? [] : [name])).join(', ');
    edge.stderr.write(
      `it is not known whether this was written: ${names}; hikyaku list ${source.name} --reveal shows what is there\n`,
    );
    throw error;
  }
}
