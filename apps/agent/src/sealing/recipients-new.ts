import { generateIdentity } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import type { ExitCode } from '../exit-code.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { ownNamespace } from '../own-namespace.ts';
import { keepPrivate, OTHERS_CAN_READ } from '../output/keep-private.ts';
import { styleFor } from '../output/style.ts';
import { UserError } from '../user-error.ts';
import { checkCluster, checkNewRecipient } from './recipients-change.ts';
import { addToConfig } from './recipients-edit.ts';
import { identityManifest } from './recipients-manifest.ts';
import type { ManifestFormat } from './recipients-manifest.ts';
import type { RewrapOptions } from './rewrap-config.ts';
import { SealedConfig } from './sealed-config.ts';

export type NewRecipientOptions = LoadConfigOptions &
  RewrapOptions & {
    readonly format?: ManifestFormat;
    readonly backup?: boolean;
    readonly replace?: boolean;
    /** Also on a terminal. */
    readonly show?: boolean;
  };

/**
 * Makes an identity and gives it out, once, for a cluster that is still to come, or for the person; its public key goes into the
 * config. Nothing secret is written to a file.
 */
export async function newRecipient(name: string, options: NewRecipientOptions, edge: Edge): Promise<ExitCode> {
  const { backup = false, format, replace = false, show = false } = options;
  const { stdout } = edge;
  if (backup && format !== undefined)
    throw new UserError('a backup key is no manifest of a cluster: leave out --format');
  if (options.json === true) throw new UserError('a manifest is printed here, and no JSON: leave out --json');
  if (stdout.isTTY === true && !show)
    throw new UserError(
      backup
        ? 'the private key would be shown here: send it into a file, hikyaku recipients new NAME --backup >> key.txt; or --show'
        : 'the private key would be shown here: send it on, hikyaku recipients new NAME | kubectl --context CONTEXT create -f -; or --show',
    );
  const before = await SealedConfig.read(options, edge, { adding: name });
  const { file, recipient } = await generateIdentity();
  const added = { name, keys: [recipient], backup };
  if (!backup) checkCluster(before.config, name, '; or --backup for another key of that person');
  checkNewRecipient(before.config, added, replace);
  const text = backup ? file : identityManifest(file, ownNamespace(options, edge), format ?? 'secret');
  const exitCode = await addToConfig(
    { before, added, quiet: true, beforeWriting: () => handOut(text, edge) },
    options,
    edge,
  );
  const { stderr } = edge;
  stderr.write(styleFor(edge, stderr).faint('its private key was printed now, once, and is kept nowhere else\n'));
  return exitCode;
}

/** Before the config is written: a key that nobody has got must not be in it. */
async function handOut(text: string, edge: Edge): Promise<void> {
  const { stdout, stderr } = edge;
  if (keepPrivate(edge).othersCanRead) stderr.write(`${styleFor(edge, stderr).change('!')} ${OTHERS_CAN_READ}\n`);
  await new Promise<void>((resolve) => {
    stdout.write(text, (error) => {
      if (!error) resolve();
      // The process ends with it.
      else stderr.write('nobody took the private key: it is gone, and nothing was written\n');
    });
  });
}
