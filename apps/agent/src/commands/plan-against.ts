import { readGrantsFile, UnusableProviderError } from '@hikyaku/config';
import { join } from 'node:path';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { folderOf } from '../file-access.ts';
import { configAt } from '../grants/config-at.ts';
import type { AgainstOptions } from '../grants/config-at.ts';
import { GitRevision } from '../grants/git-revision.ts';
import { grantsBeside } from '../grants/grants-beside.ts';
import type { HeldGrants } from '../grants/held-grants.ts';
import { needsOf } from '../grants/needs.ts';
import { plugInFiles } from '../grants/plug-in-files.ts';
import { moreGranted, newIn, possible } from '../grants/possibilities.ts';
import type { Possibilities } from '../grants/possibilities.ts';
import { ConfigError, loadConfigFile } from '../load-config-file.ts';
import { possibilitiesText } from '../output/possibilities-text.ts';
import { styleFor } from '../output/style.ts';

export type PlanAgainstOptions = AgainstOptions & { readonly exitCode?: boolean };

/**
 * Says what the config and the `grants.yaml` beside it let through that was not possible with those of a git revision. Asks no
 * cluster and no source, and runs no code of plug-ins.
 */
export async function planAgainst(options: PlanAgainstOptions, edge: Edge): Promise<ExitCode> {
  const revision = await GitRevision.of(options.against, options.config, edge);
  const now = await loadConfigFile({ ...options, plugins: false }, edge);
  const grantsNow = await grantsBeside(options.config);
  if (grantsNow !== undefined && grantsNow.problems.length > 0) throw new ConfigError(grantsNow.problems);
  const nowPossible = possible(
    now,
    needsOf(now, options.config, await plugInFiles(now, options.config, options.plugin)),
    grantsNow,
  );
  const grantsBefore = await grantsAt(revision, options.config);
  const before = await possibleAt(revision, options, edge, grantsBefore);

  const added = newIn(before, nowPossible);
  const asked = new Set(added.map(({ kind, what }) => `${kind} ${what}`));
  const granted = moreGranted(grantsBefore, grantsNow).filter(({ kind, what }) => !asked.has(`${kind} ${what}`));
  if (options.json) {
    edge.stdout.write(`${JSON.stringify({ against: revision.hash, possible: added, granted }, null, 2)}\n`);
  } else {
    edge.stdout.write(possibilitiesText({ against: options.against, added, granted }, styleFor(edge, edge.stdout)));
  }
  return options.exitCode && added.length + granted.length > 0 ? EXIT.changes : EXIT.fine;
}

async function grantsAt(revision: GitRevision, config: string): Promise<HeldGrants | undefined> {
  const path = join(folderOf(config), 'grants.yaml');
  const bytes = await revision.read(path);
  if (bytes === undefined) return undefined;
  return { ...readGrantsFile({ path, text: bytes.toString('utf8') }), where: path };
}

/** Nothing where there was no config. Throws a ConfigError where it was not a good one. */
async function possibleAt(
  revision: GitRevision,
  options: PlanAgainstOptions,
  edge: Edge,
  grants: HeldGrants | undefined,
): Promise<Possibilities> {
  const config = await configAt(revision, options, edge);
  if (config === undefined) return new Map();
  const read = async (path: string): Promise<Uint8Array> => {
    const bytes = await revision.read(path);
    if (bytes === undefined) throw new UnusableProviderError(`there was no file ${path}`);
    return bytes;
  };
  const plugIns = await plugInFiles(config, options.config, options.plugin, read);
  return possible(config, needsOf(config, options.config, plugIns), grants);
}
