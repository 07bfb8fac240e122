import { fingerprintOf } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { styleFor } from '../output/style.ts';
import { recipientValue, withRecipient } from './recipients-change.ts';
import type { RecipientKeys } from './recipients-for.ts';
import { missingValues } from './missing-values.ts';
import { fingerprintsText } from './recipients-key.ts';
import { recipientJson } from './recipients-text.ts';
import { rewrapConfig } from './rewrap-config.ts';
import type { RewrapOptions } from './rewrap-config.ts';
import { rewrapJson, rewrappedText } from './rewrap-text.ts';
import type { SealedConfig } from './sealed-config.ts';
import { editToSetRecipient } from './sealed-edits.ts';
import { sealedFields } from './sealed-fields.ts';

export interface Addition {
  readonly before: SealedConfig;
  readonly added: RecipientKeys;
  readonly question?: string;
  readonly beforeWriting?: () => Promise<void>;
  /** What is told goes to standard error, as something else is on standard output. */
  readonly quiet?: boolean;
}

/** Writes the recipient into its file, and seals everything that it is to open anew. */
export async function addToConfig(
  { before, added, quiet = false, ...steps }: Addition,
  options: RewrapOptions,
  edge: Edge,
): Promise<ExitCode> {
  const { config } = before;
  const current = config.recipients.get(added.name);
  const file = current?.position.file ?? before.recipientsFile;
  const isThere =
    current !== undefined && JSON.stringify(recipientValue(current)) === JSON.stringify(recipientValue(added));
  const {
    steps: done,
    files,
    after,
  } = await rewrapConfig(
    {
      before,
      fields: sealedFields(config),
      recipients: withRecipient(config, added),
      named: added.keys.map(fingerprintOf),
      edits: isThere ? [] : [editToSetRecipient(file, added.name, recipientValue(added))],
      ...steps,
    },
    options,
    edge,
  );
  const stream = quiet ? edge.stderr : edge.stdout;
  const style = styleFor(edge, stream);
  const { name, keys, backup } = added;
  if (options.json === true && !quiet)
    stream.write(`${JSON.stringify({ ...recipientJson(added), values: rewrapJson(done), files }, null, 2)}\n`);
  else
    stream.write(
      `${style.good('✓')} ${name} (${fingerprintsText(keys)}) is ${isThere ? 'there already' : 'a recipient'}${backup ? ', as a backup key' : ''}\n` +
        (done.length === 0 ? '' : rewrappedText(done, files, style)),
    );
  const next = styleFor(edge, edge.stderr);
  for (const { path, what, advice } of missingValues(after, name))
    edge.stderr.write(`${next.change('!')} ${path} ${what}: ${advice}\n`);
  if (files.length > 0) edge.stderr.write(next.faint(`commit and push ${files.join(', ')}\n`));
  return EXIT.fine;
}
