import { dirname, resolve } from 'node:path';
import { readConfigFiles } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { DEFAULT_NAMESPACE } from '../global-options.ts';
import { checkGrants } from '../grants/check-grants.ts';
import { loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { plainText } from '../manifests/install-parts.ts';
import { installOf } from '../manifests/install-of.ts';
import { DEFAULT_IMAGE } from '../manifests/install.ts';
import { kustomizeFiles } from '../manifests/kustomize-files.ts';
import { leftToDo } from '../manifests/left-to-do.ts';
import { mergeSettings } from '../manifests/settings.ts';
import type { Settings } from '../manifests/settings.ts';
import { differing, readBase, requireOurs, writeBase } from '../manifests/written-base.ts';
import type { WrittenBase } from '../manifests/written-base.ts';
import { count } from '../output/count.ts';
import { grantsText } from '../output/grants-text.ts';
import { shellFlag } from '../output/shell-word.ts';
import { styleFor } from '../output/style.ts';
import { UserError } from '../user-error.ts';

export interface ManifestsOptions extends LoadConfigOptions, Settings {
  readonly image?: string;
  /** A folder. */
  readonly kustomize?: string;
  readonly check?: boolean;
  readonly force?: boolean;
}

/** Prints all that a cluster needs to run the agent with this config, or keeps it in a folder. Asks nobody. */
export async function manifests(options: ManifestsOptions, edge: Edge): Promise<ExitCode> {
  if ((options.namespace ?? DEFAULT_NAMESPACE) !== DEFAULT_NAMESPACE)
    throw new UserError(
      `the install files are for the namespace ${DEFAULT_NAMESPACE}, which the policies name: leave out --namespace`,
    );
  const files = await readConfigFiles(options.config);
  const config = await loadConfigFile({ ...options, namespace: DEFAULT_NAMESPACE }, edge, undefined, files);
  const base = await baseOf(options);
  const settings = mergeSettings(base?.settings ?? {}, options);
  const image = options.image ?? base?.image ?? DEFAULT_IMAGE;
  const { plugin } = options;
  const install = await installOf(
    { path: options.config, files, config, ...(plugin && { plugin }) },
    { settings, image },
  );
  const grants = await checkGrants(config, options);
  if (grants !== undefined) edge.stderr.write(grantsText(grants, styleFor(edge, edge.stderr)));
  if (base !== undefined && options.check === true)
    return sayDiffering(differing(base, kustomizeFiles(install, resolve(base.folder))), base, options, edge);

  if (base === undefined) edge.stdout.write(plainText(install));
  else {
    if (options.force !== true) requireOurs(base, options.config);
    const written = await writeBase(base, kustomizeFiles(install, resolve(base.folder)));
    sayWritten(written, base, options, edge);
  }
  const style = styleFor(edge, edge.stderr);
  for (const line of leftToDo(install)) edge.stderr.write(`${style.change('!')} ${line}\n`);
  return EXIT.fine;
}

/** The folder that is written or checked, if any; by default the one where `init` writes. */
async function baseOf({ kustomize, check, config, json }: ManifestsOptions): Promise<WrittenBase | undefined> {
  if (kustomize === undefined && check !== true) {
    if (json === true) throw new UserError('the manifests are YAML: --json goes with --kustomize or --check');
    return undefined;
  }
  return await readBase(kustomize ?? dirname(config));
}

function sayDiffering(
  paths: readonly string[],
  { folder, settings, texts }: WrittenBase,
  { json, config }: ManifestsOptions,
  edge: Edge,
): ExitCode {
  const { good, change } = styleFor(edge, edge.stdout);
  if (json === true) edge.stdout.write(`${JSON.stringify({ folder, differing: paths }, null, 2)}\n`);
  else if (paths.length === 0) edge.stdout.write(`${good('✓')} ${folder} is as hikyaku manifests would write it\n`);
  else {
    const lines = paths.map((path) => `  ${change('~')} ${path}\n`).join('');
    const others = config === 'hikyaku.yaml' ? '' : shellFlag('--config', config);
    const force = settings === undefined && texts.size > 0 ? ' --force' : '';
    const advice = `hikyaku manifests${others}${shellFlag('--kustomize', folder)}${force}`;
    edge.stdout.write(
      `${count(paths.length, 'file')} of ${folder} would be written otherwise:\n${lines}so write them: ${advice}\n`,
    );
  }
  return paths.length === 0 ? EXIT.fine : EXIT.failed;
}

function sayWritten(paths: readonly string[], { folder }: WrittenBase, { json }: ManifestsOptions, edge: Edge): void {
  if (json === true) {
    edge.stdout.write(`${JSON.stringify({ folder, written: paths }, null, 2)}\n`);
    return;
  }
  const { good } = styleFor(edge, edge.stdout);
  const what = paths.length === 0 ? 'nothing has changed' : `written: ${paths.join(', ')}`;
  edge.stdout.write(`${good('✓')} ${folder}: ${what}\n`);
}
