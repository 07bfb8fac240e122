import { access, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fingerprintOf, generateIdentity, recipientOf, recipientProblem } from '@hikyaku/sealing';
import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import { isInside } from '../file-access.ts';
import { findIdentities } from '../identity/find-identities.ts';
import { identityFiles } from '../identity/identity-files.ts';
import { UserError } from '../user-error.ts';
import { askChoice, askText } from './ask.ts';
import type { InitOptions } from './init-options.ts';
import type { NewFile } from './new-files.ts';

/** A person's own key. */
export interface BackupKey {
  readonly key: string;
  /** The file with its private half, where it was made now. */
  readonly file?: NewFile;
}

/** The public key of the person: as told, else one at hand, else a new one. `undefined` where there shall be none. Throws a UserError. */
export async function backupKey(options: InitOptions, edge: Edge): Promise<BackupKey | undefined> {
  const { backup } = options;
  if (backup === false) return undefined;
  if (backup !== undefined) return backup.startsWith('age1') ? checked(backup) : await keyOfFile(backup, options, edge);
  const [own] = await findIdentities({}, edge);
  if (!isInteractive(edge)) {
    if (own !== undefined) return { key: await recipientOf(own.identity) };
    throw new UserError(
      'which key is your own, for the day when no cluster is left? --backup age1…, or --backup FILE, which is made; --no-backup goes without',
    );
  }
  return await askForKey(
    own === undefined ? undefined : { key: await recipientOf(own.identity), from: own.from },
    options,
    edge,
  );
}

async function askForKey(
  own: { readonly key: string; readonly from: string } | undefined,
  options: InitOptions,
  edge: Edge,
): Promise<BackupKey | undefined> {
  const make = { value: 'make', label: 'make one, in a file of mine' } as const;
  const other = { value: 'other', label: 'another public key (age1…)' } as const;
  const none = { value: 'none', label: 'none: only clusters can open what is sealed' } as const;
  const message = 'Your own key, for the day when no cluster is left';
  const choice =
    own === undefined
      ? await askChoice(message, [make, other, none], edge)
      : await askChoice(
          message,
          [{ value: 'own', label: `that of ${own.from} (${fingerprintOf(own.key)})` }, other, none],
          edge,
        );
  switch (choice) {
    case 'own':
      return own && { key: own.key };
    case 'other': {
      const problem = (key: string) => keyProblem(key);
      return { key: await askText({ message: 'Your public key', initialValue: '', problem }, edge) };
    }
    case 'make': {
      const initialValue = identityFiles({}, edge).at(-1)?.path ?? 'key.txt';
      const path = await askText(
        { message: 'File for your private key, outside of the repository', initialValue },
        edge,
      );
      return await keyOfFile(path, options, edge);
    }
    case 'none':
      return undefined;
  }
}

function keyProblem(key: string): string | undefined {
  const problem = recipientProblem(key);
  return problem && `your own key ${problem}`;
}

function checked(key: string): BackupKey {
  const problem = keyProblem(key);
  if (problem !== undefined) throw new UserError(problem);
  return { key };
}

/** Of the identity in a file; where there is no such file, of a new one. */
async function keyOfFile(name: string, options: InitOptions, edge: Edge): Promise<BackupKey> {
  const path = resolve(name);
  if (await exists(path)) {
    const [found] = await findIdentities({ identity: [path] }, edge);
    if (found === undefined) throw new UserError(`${path} is there already and holds no age identity`);
    return { key: await recipientOf(found.identity) };
  }
  const repository = await repositoryOf(await realFolder(dirname(resolve(options.config))));
  if (isInside(join(await realFolder(dirname(path)), basename(path)), repository))
    throw new UserError(`${path} is in the repository: a private key belongs outside of it`);
  const { file: text, recipient: key } = await generateIdentity();
  return { key, file: { path, text, mode: 0o600 } };
}

/** Links resolved, as far as it is there. */
async function realFolder(folder: string): Promise<string> {
  try {
    return await realpath(folder);
  } catch {
    return folder === dirname(folder) ? folder : join(await realFolder(dirname(folder)), basename(folder));
  }
}

/** Where `.git` is; the folder itself where there is none. */
async function repositoryOf(folder: string): Promise<string> {
  for (let current = folder; current !== dirname(current); current = dirname(current))
    if (await exists(join(current, '.git'))) return current;
  return folder;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
