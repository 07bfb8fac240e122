import { SealedError } from '@hikyaku/sealing';
import type { Opened } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { WHERE_IDENTITIES_ARE } from '../identity/find-identities.ts';
import type { FoundIdentity } from '../identity/find-identities.ts';
import { openWith } from '../identity/open-with.ts';
import { loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { keepPrivate, OTHERS_CAN_READ } from '../output/keep-private.ts';
import { printableLines } from '../output/printable.ts';
import { styleFor } from '../output/style.ts';
import { holders } from '../sealing/debt.ts';
import { sealedText } from '../sealing/seal-text.ts';
import { findSealed } from '../sealing/sealed-fields.ts';
import type { SealedField } from '../sealing/sealed-fields.ts';
import { identitiesAtHand } from '../sealing/sealed-identities.ts';
import type { IdentityOptions } from '../sealing/sealed-identities.ts';
import { UserError } from '../user-error.ts';

export type UnsealOptions = LoadConfigOptions &
  IdentityOptions & {
    readonly cluster?: string;
    /** Also on a terminal. */
    readonly show?: boolean;
  };

/** Gives one sealed value, whatever it is bound to: for the day when nothing else is left. */
export async function unseal(text: string, options: UnsealOptions, edge: Edge): Promise<ExitCode> {
  const { stdout, stderr } = edge;
  const isShown = stdout.isTTY === true;
  if (isShown && options.show !== true)
    throw new UserError(
      'the value would be shown here: --show is to say that it may, or send it on: hikyaku unseal PATH | …',
    );
  const config = await loadConfigFile(options, edge);
  const field = onlyOne(findSealed(config, [text], options.config), options.cluster);
  const identities = await identitiesAtHand(options, edge);
  const { value, header } = await openField(field, identities, edge);
  const style = styleFor(edge, stderr);
  stderr.write(style.faint(`${field.name}: ${sealedText(header)}`) + '\n');
  if (keepPrivate(edge).othersCanRead) stderr.write(`${style.change('!')} ${OTHERS_CAN_READ}\n`);

  const plain = value.text();
  if (options.json === true) {
    const { binding, sealedAt, recipients } = header;
    const bytes =
      plain === undefined ? { valueBase64: Buffer.from(value.reveal()).toString('base64') } : { value: plain };
    stdout.write(
      `${JSON.stringify({ path: field.name, ...bytes, ...binding, sealedAt, recipients: holders(recipients) }, null, 2)}\n`,
    );
  } else if (isShown) stdout.write(`${printableLines(plain ?? Buffer.from(value.reveal()).toString('latin1'))}\n`);
  else stdout.write(value.reveal());
  return EXIT.fine;
}

function onlyOne(fields: readonly SealedField[], cluster: string | undefined): SealedField {
  const [field, ...others] = fields.filter((one) => cluster === undefined || one.cluster === cluster);
  if (field !== undefined && others.length === 0) return field;
  const names = fields.map(({ name }) => name).join(', ');
  throw new UserError(
    field === undefined
      ? `there is no value of its own for that cluster; there are: ${names}`
      : `there is one for each cluster: ${names}; --cluster NAME says which`,
  );
}

async function openField(
  { name, sealed: { text, position } }: SealedField,
  identities: readonly FoundIdentity[],
  edge: Edge,
): Promise<Opened> {
  const where = `${name} (${position.file}:${position.line})`;
  if (identities.length === 0)
    throw new UserError(`there is no key to open ${where}: ${WHERE_IDENTITIES_ARE}, or name a cluster with --context`);
  try {
    return await openWith(text, identities, edge);
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    throw new UserError(`${where}: ${error.message}`, EXIT.failed);
  }
}
