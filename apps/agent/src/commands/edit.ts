import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { refId, SecretValue } from '@hikyaku/core';
import type { Secret } from '@hikyaku/core';
import { readCurrent } from '@hikyaku/engine';
import type { ConnectOptions } from '../connect-cluster.ts';
import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { TerminalInput } from '../terminal-input.ts';
import { UserError } from '../user-error.ts';
import { planChanges } from '../writing/changes.ts';
import type { Wish } from '../writing/changes.ts';
import { editText, readEdit } from '../writing/edit-text.ts';
import { openWritableSource } from '../writing/open-source.ts';
import type { OpenSource } from '../writing/open-source.ts';
import { createPrivateFile } from '../writing/private-file.ts';
import type { PrivateFile } from '../writing/private-file.ts';
import { readEverything } from '../writing/read-everything.ts';
import { writeChanges } from '../writing/write-changes.ts';
import type { WriteOptions } from '../writing/write-changes.ts';

export type EditOptions = ConnectOptions & WriteOptions;

/** Opens secrets of a source in an editor; what has changed is shown, confirmed and written. */
export async function edit(
  sourceName: string,
  names: readonly string[],
  options: EditOptions,
  edge: Edge,
): Promise<ExitCode> {
  await using opened = await openWritableSource(sourceName, options, edge);
  const before = await readBefore(opened, names, edge);
  using file = await createPrivateFile(`${sourceName}.yaml`);
  if (!file.inMemory)
    edge.stderr.write(
      'this machine has no memory-backed folder: the file is on disk while you edit, and wiped after\n',
    );
  const text = editText(sourceName, before);
  await file.write(text);
  const wishes = await editUntilGood(file, text, before, edge);
  if (wishes === undefined) {
    edge.stderr.write('nothing was changed\n');
    return EXIT.fine;
  }
  // A name that was added may be there already, with a value that nobody has seen.
  const added = wishes.map(({ name }) => name).filter((name) => !before.has(name));
  const current = new Map([...before, ...(added.length > 0 ? await readCurrent(opened.client, added, edge) : [])]);
  const planned = planChanges(wishes, current).filter(({ kind }) => kind !== 'keep');
  return await writeChanges(opened, planned, options, edge);
}

async function readBefore(
  { client, source }: OpenSource,
  names: readonly string[],
  edge: Edge,
): Promise<ReadonlyMap<string, Secret>> {
  if (names.length > 0) return await readCurrent(client, names, edge);
  const { secrets, unknown } = await readEverything(client, source.name, edge);
  // Left out of the file it would look as if it were to be removed.
  for (const error of unknown?.values() ?? []) throw error;
  const sorted = [...secrets].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.filter(([id]) => id === refId({ name: id }) && !id.includes('\0')));
}

/** `undefined` when the person has changed nothing. */
async function editUntilGood(
  file: PrivateFile,
  text: string,
  before: ReadonlyMap<string, Secret>,
  edge: Edge,
): Promise<readonly Wish[] | undefined> {
  for (;;) {
    await runEditor(file.path, edge);
    // An editor with another encoding changes what nobody has touched.
    const edited = SecretValue.of(await file.read().catch(() => '')).text();
    if (edited === text) return undefined;
    const result = edited === undefined ? { problem: 'the file is not UTF-8' } : readEdit(edited, before);
    if ('wishes' in result) return result.wishes;
    if (!isInteractive(edge) || !(await askAgain(result.problem, edge)))
      throw new UserError(`${result.problem}: nothing was written`, EXIT.failed);
  }
}

async function askAgain(problem: string, { stdin, stderr: output, signal }: Edge): Promise<boolean> {
  const prompts = await import('@clack/prompts');
  using input = new TerminalInput(stdin);
  const answer = await prompts.confirm({ message: `${problem}. Edit again?`, input, output, signal });
  if (prompts.isCancel(answer)) throw new UserError('interrupted: nothing was written', EXIT.interrupted);
  return answer;
}

/** A command and its arguments: no variable before it, and no second command. */
const ONE_COMMAND = /^[^=\s;&|<>(){}`$]+(?:\s[^;&|<>()`\n]*)?$/;

/** As git does: `$VISUAL` or `$EDITOR`, which may have arguments. */
async function runEditor(path: string, { env, signal }: Edge): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi';
  // A signal is for the editor, and not for a shell that waits for it.
  const exec = ONE_COMMAND.test(editor) ? 'exec ' : '';
  const child = spawn('sh', ['-c', `${exec}${editor} "$1"`, 'sh', path], { stdio: 'inherit', env });
  // Ctrl-C is the editor's own business; an end from outside is not.
  signal.addEventListener('abort', () => signal.reason !== 'SIGINT' && child.kill(), { once: true });
  const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
  signal.throwIfAborted();
  // What a shell says of a program that is not there.
  if (code === 127)
    throw new UserError(
      `the editor ${editor} is not there: set EDITOR to one that is; nothing was written`,
      EXIT.failed,
    );
  if (code !== 0)
    throw new UserError(
      `the editor ${editor} ended with ${killedBy ?? `exit code ${code}`}: nothing was written`,
      EXIT.failed,
    );
}
