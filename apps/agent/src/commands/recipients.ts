import { SealedError } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { styleFor } from '../output/style.ts';
import { valuesIn } from '../sealing/lint-values.ts';
import { addRecipient as add } from '../sealing/recipients-add.ts';
import type { AddRecipientOptions } from '../sealing/recipients-add.ts';
import { listedRecipients, recipientsTable } from '../sealing/recipients-list.ts';
import { newRecipient as make } from '../sealing/recipients-new.ts';
import type { NewRecipientOptions } from '../sealing/recipients-new.ts';
import { removeRecipient as remove } from '../sealing/recipients-rm.ts';
import type { RemoveRecipientOptions } from '../sealing/recipients-rm.ts';

export type { AddRecipientOptions, NewRecipientOptions, RemoveRecipientOptions };
export { add, make, remove };

/** Says who can open what, without a key. */
export async function recipients(options: LoadConfigOptions, edge: Edge): Promise<ExitCode> {
  const config = await loadConfigFile(options, edge);
  const values = await valuesIn(config);
  const listed = listedRecipients(config, values);
  const unreadable = values.filter(({ header }) => header instanceof SealedError).map(({ name }) => name);
  edge.stdout.write(
    options.json === true
      ? `${JSON.stringify({ recipients: listed, values: values.map(({ name }) => name), unreadable }, null, 2)}\n`
      : recipientsTable(listed, styleFor(edge, edge.stdout)),
  );
  if (unreadable.length > 0)
    edge.stderr.write(
      `${styleFor(edge, edge.stderr).bad('✗')} not readable: ${unreadable.join(', ')}; see hikyaku lint\n`,
    );
  return unreadable.length > 0 ? EXIT.failed : EXIT.fine;
}
