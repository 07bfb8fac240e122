import type { Config } from '@hikyaku/config';
import { SealedError } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { FoundIdentity } from '../identity/find-identities.ts';
import { WHERE_IDENTITIES_ARE } from '../identity/find-identities.ts';
import { ConfigError } from '../load-config-file.ts';
import { styleFor } from '../output/style.ts';
import { UserError } from '../user-error.ts';
import { confirmOrStop } from '../writing/confirm.ts';
import type { Holder } from './debt.ts';
import type { RecipientKeys } from './recipients-for.ts';
import { keyText, listOf } from './recipients-text.ts';
import { rewrapText } from './rewrap-text.ts';
import { planRewrap, rewrap } from './rewrap-values.ts';
import type { RewrapStep } from './rewrap-values.ts';
import type { ConfigEdit, SealedConfig } from './sealed-config.ts';
import { editToRewrap } from './sealed-edits.ts';
import type { SealedField } from './sealed-fields.ts';
import { StagedFiles } from './sealed-files.ts';
import { identitiesAtHand } from './sealed-identities.ts';
import type { IdentityOptions } from './sealed-identities.ts';

export type RewrapOptions = IdentityOptions & {
  /** Do not ask. */
  readonly yes?: boolean;
};

export interface Rewrapping {
  readonly before: SealedConfig;
  /** The values to look at. */
  readonly fields: readonly SealedField[];
  /** Who is to open them. */
  readonly recipients: readonly RecipientKeys[];
  /** What else changes in the files. */
  readonly edits?: readonly ConfigEdit[];
  /** What to ask, besides whether keys may be added that the command does not name. */
  readonly question?: string;
  /** Fingerprints of the keys that the command names; absent where `--yes` lets in whoever is under `recipients:`. */
  readonly named?: readonly string[];
  /** Called when nothing but the last step is left. */
  readonly beforeWriting?: () => Promise<void>;
}

export interface Rewrapped {
  readonly steps: readonly RewrapStep[];
  readonly files: readonly string[];
  /** What the files say now. */
  readonly after: Config;
}

/** Says what changes, asks, and writes all of it or nothing. Throws a UserError, with the files untouched. */
export async function rewrapConfig(
  { before, fields, recipients, edits = [], question, named, beforeWriting }: Rewrapping,
  options: RewrapOptions,
  edge: Edge,
): Promise<Rewrapped> {
  const identities = fields.length === 0 ? [] : await identitiesAtHand(options, edge);
  const steps = await planRewrap(fields, recipients, identities, edge);
  edge.stderr.write(rewrapText(steps, styleFor(edge, edge.stderr)));
  refuseFailed(steps, identities);

  const others = addedKeys(steps).filter(({ fingerprint }) => named?.includes(fingerprint) !== true);
  if (options.yes === true) refuseUnnamed(others, named);
  else {
    if (question !== undefined) await confirmOrStop(question, edge);
    if (others.length > 0) await confirmOrStop(letOpen(others), edge);
  }

  const after = await withEdits(before, [...(await sealAnew(steps, edge)), ...edits], edge);
  const changes = before.changesTo(after);
  await using files = await StagedFiles.of(changes);
  edge.signal.throwIfAborted();
  await beforeWriting?.();
  await files.putInPlace();
  return { steps, files: changes.map(({ path }) => path), after: after.config };
}

async function sealAnew(steps: readonly RewrapStep[], { signal }: Edge): Promise<readonly ConfigEdit[]> {
  const edits: ConfigEdit[] = [];
  for (const step of steps) {
    signal.throwIfAborted();
    if (step.kind !== 'rewrap') continue;
    const { field } = step;
    const text = await rewrap(step).catch((error: unknown) => {
      if (error instanceof SealedError) throw new UserError(`${field.name}: ${error.message}; nothing was written`);
      throw error;
    });
    edits.push(editToRewrap(field, text));
  }
  return edits;
}

async function withEdits(before: SealedConfig, edits: readonly ConfigEdit[], { stderr }: Edge): Promise<SealedConfig> {
  try {
    return await before.with(edits);
  } catch (error) {
    if (error instanceof ConfigError) stderr.write('nothing was written, as the config would be wrong then:\n');
    throw error;
  }
}

export function letOpen(keys: readonly Holder[]): string {
  return `Let ${listOf(keys.map(keyText))} open what is sealed?`;
}

/** Somebody else may have put a key into the config, and waits for the next who seals anew. */
function refuseUnnamed(others: readonly Holder[], named: readonly string[] | undefined): void {
  if (named === undefined || others.length === 0) return;
  throw new UserError(
    `${listOf(others.map(keyText))} would be added, too, and you have not named them: look at recipients:, then hikyaku rewrap; nothing was written`,
    EXIT.failed,
  );
}

/** Of all values together, each once. */
function addedKeys(steps: readonly RewrapStep[]): readonly Holder[] {
  const keys = steps.flatMap((step) => (step.kind === 'rewrap' ? step.added : []));
  return [...new Map(keys.map((key) => [key.fingerprint, key])).values()];
}

function refuseFailed(steps: readonly RewrapStep[], identities: readonly FoundIdentity[]): void {
  const failed = steps.flatMap((step) => (step.kind === 'failed' ? [step] : []));
  if (failed.length === 0) return;
  const lines = failed.map(({ field, problem }) => {
    const { file, line } = field.sealed.position;
    return `${field.name} (${file}:${line}): ${problem}`;
  });
  const hint = identities.length === 0 ? `: ${WHERE_IDENTITIES_ARE}, or name a cluster with --context` : '';
  throw new UserError([...lines, `nothing was written${hint}`].join('\n'), EXIT.failed);
}
