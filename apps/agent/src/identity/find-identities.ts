import { parseIdentities, SealedError } from '@hikyaku/sealing';
import type { Edge } from '../edge.ts';
import { UserError } from '../user-error.ts';
import { identityFiles } from './identity-files.ts';
import type { IdentityFileOptions } from './identity-files.ts';
import { outputOf } from './output-of.ts';
import { readIdentityFile } from './read-identity-file.ts';

/** An age identity, and where it came from. */
export interface FoundIdentity {
  /** Secret. */
  readonly identity: string;
  /** For people: `the file /home/me/key.txt`, `SOPS_AGE_KEY`. */
  readonly from: string;
}

/** Of a key in hardware, say, which only the `age` command can use. */
export function isOfPlugIn({ identity }: Pick<FoundIdentity, 'identity'>): boolean {
  return identity.startsWith(PLUG_IN);
}

const PLUG_IN = 'AGE-PLUGIN-';

export interface FindOptions extends IdentityFileOptions {
  /** Those of age plug-ins, too. */
  readonly plugIns?: boolean;
}

export const WHERE_IDENTITIES_ARE =
  'give --identity FILE, set SOPS_AGE_KEY, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY_CMD, or put one into ~/.config/sops/age/keys.txt';

/**
 * The identities of the person at hand, to be tried in this order: of the files behind `--identity`, and of nothing else where there are
 * any; else those that SOPS would take, its default file only where no variable names any. Asks for the passphrase of a file that has one.
 * None is no error. Throws a UserError where what somebody has named cannot be read.
 */
export async function findIdentities(options: FindOptions, edge: Edge): Promise<readonly FoundIdentity[]> {
  const files = identityFiles(options, edge);
  const identitiesIn = (text: string, from: string) => identitiesOf(text, from, options);
  const found: FoundIdentity[] = [];
  if (options.identity === undefined || options.identity.length === 0) {
    const { SOPS_AGE_KEY: text, SOPS_AGE_KEY_CMD: command } = edge.env;
    if (text) found.push(...identitiesIn(text, 'SOPS_AGE_KEY'));
    if (command) found.push(...identitiesIn(await outputOf(command, 'SOPS_AGE_KEY_CMD', edge), 'SOPS_AGE_KEY_CMD'));
  }
  for (const file of files) {
    if (file.byDefault && found.length > 0) break;
    const text = await readIdentityFile(file, edge);
    if (text !== undefined) found.push(...identitiesIn(text, `the file ${file.path}`));
  }
  return found;
}

function identitiesOf(text: string, from: string, { plugIns = false }: FindOptions): readonly FoundIdentity[] {
  const lines = text.split('\n').map((line) => line.trim());
  const ofPlugIns = lines.filter((line) => line.startsWith(PLUG_IN));
  // Whoever has a key in hardware may have others beside it.
  const others = lines.filter((line) => !line.startsWith(PLUG_IN));
  const found = plugIns ? ofPlugIns.map((identity) => ({ identity, from })) : [];
  if (found.length > 0 && others.every((line) => line === '' || line.startsWith('#'))) return found;
  try {
    return [...parseIdentities(others.join('\n')).map((identity) => ({ identity, from })), ...found];
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    const more = ofPlugIns.length > 0 ? ' besides keys of age plug-ins, which only the `age` command can use' : '';
    throw new UserError(`${from} cannot be used: ${error.message}${more}`);
  }
}
