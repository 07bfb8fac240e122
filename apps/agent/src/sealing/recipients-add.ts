import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { styleFor } from '../output/style.ts';
import { UserError } from '../user-error.ts';
import { checkCluster, checkNewRecipient } from './recipients-change.ts';
import { addToConfig } from './recipients-edit.ts';
import { checkKey, fingerprintsText, keysOfCluster } from './recipients-key.ts';
import type { FoundKeys } from './recipients-key.ts';
import { letOpen } from './rewrap-config.ts';
import type { RewrapOptions } from './rewrap-config.ts';
import { keysOf } from './rewrap-values.ts';
import { SealedConfig } from './sealed-config.ts';

export type AddRecipientOptions = LoadConfigOptions &
  RewrapOptions & {
    readonly backup?: boolean;
    /** Its key in the place of the one that stands there. */
    readonly replace?: boolean;
  };

/** Adds a key to the config, and lets it open what is sealed. Nothing is written when a step fails. */
export async function addRecipient(
  name: string,
  key: string | undefined,
  options: AddRecipientOptions,
  edge: Edge,
): Promise<ExitCode> {
  const { replace = false } = options;
  const style = styleFor(edge, edge.stderr);
  const before = await SealedConfig.read(options, edge, { adding: name });
  if (key === undefined && options.backup !== true) checkCluster(before.config, name);
  const found = await findKeys(name, key, options, edge);
  const backup = options.backup ?? before.config.recipients.get(name)?.backup ?? false;
  const added = { name, keys: found.keys, backup };
  checkNewRecipient(before.config, added, replace);
  const isNew = !found.keys.every((one) => before.config.recipients.get(name)?.keys.includes(one));
  edge.stderr.write(
    `${style.strong(name)}  ${found.keys.join(', ')}\n  fingerprint  ${fingerprintsText(found.keys)}\n  ${style.faint(`known from    ${found.from}`)}\n`,
  );
  if (!found.proven) {
    edge.stderr.write(
      `${style.change('!')} you may not read the Secret that proves it: compare the fingerprint with the one in the log of the agent there\n`,
    );
    if (options.yes === true && isNew)
      throw new UserError(
        `--yes cannot say whose key this is: whoever may write the ConfigMap there could have put it there. Leave --yes out; or give the key of the log: hikyaku recipients add ${name} age1…`,
        EXIT.failed,
      );
  }
  const question = found.proven
    ? letOpen(keysOf([added]))
    : `Does the log of the agent say ${fingerprintsText(found.keys)}?`;
  // The cluster that is added opens nothing yet, and may not let its key be read.
  const { context: _, ...own } = options;
  const opening = key === undefined ? own : options;
  return await addToConfig({ before, added, ...(isNew && { question }) }, opening, edge);
}

async function findKeys(
  name: string,
  key: string | undefined,
  options: AddRecipientOptions,
  edge: Edge,
): Promise<FoundKeys> {
  if (key !== undefined) return checkKey(name, key);
  if (options.context !== undefined || options.kubeconfig !== undefined) return await keysOfCluster(options, edge);
  throw new UserError(
    `which key is that of ${name}? Its agent's log says it: hikyaku recipients add ${name} age1…; or --context CONTEXT reads it from the cluster`,
    EXIT.usage,
  );
}
