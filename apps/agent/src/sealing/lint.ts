import type { Config, ConfigFile, SourceConfig } from '@hikyaku/config';
import { isProviderError } from '@hikyaku/core';
import type { Binding } from '@hikyaku/sealing';
import type { Finding } from './lint-finding.ts';
import { lintLiterals } from './lint-literals.ts';
import { lintRecipientList } from './lint-recipients.ts';
import { lintValue } from './lint-value.ts';
import { valuesIn } from './lint-values.ts';
import type { ValueSeen } from './lint-values.ts';

export interface LintOptions {
  readonly config: Config;
  /** What it was made of. */
  readonly files: readonly ConfigFile[];
  /** What a credential must be bound to; rejects where that cannot be told. */
  readonly bindingOf: (source: SourceConfig, field: string) => Promise<Binding>;
}

/** All that is wrong with the sealed credentials of a config, or that somebody should know; by file and line. No key is needed. */
export async function lintConfig({ config, files, bindingOf }: LintOptions): Promise<readonly Finding[]> {
  const values = await valuesIn(config);
  const ofValues = await Promise.all(
    values.map(async (value) => lintValue(config, value, await bindingOrProblem(value, bindingOf))),
  );
  const all = [...files.flatMap(lintLiterals), ...lintRecipientList(config, values), ...ofValues.flat()];
  return all.toSorted(byPlace);
}

/** Certificates that cannot be read are a finding, and no end of looking. */
async function bindingOrProblem(
  { source, field }: ValueSeen,
  bindingOf: LintOptions['bindingOf'],
): Promise<Binding | string> {
  try {
    return await bindingOf(source, field);
  } catch (error) {
    if (isProviderError(error)) return error.message;
    throw error;
  }
}

function byPlace(a: Finding, b: Finding): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}
