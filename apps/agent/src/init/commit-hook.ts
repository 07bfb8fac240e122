import { chmod, mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import { git } from '../git.ts';
import { askChoice } from './ask.ts';
import type { InitOptions } from './init-options.ts';

const CHECK = 'hikyaku manifests --check';
const HEAD = `#!/bin/sh
# By hikyaku init --hook: no commit while the install files are not those that the config asks for.
`;

/** Where the hook of the clone that holds a config is, or would be. */
interface CommitHook {
  readonly path: string;
  /** Of the config, from the top of the clone. */
  readonly name: string;
  /** What checks this config; somebody else's hook would have to say it. */
  readonly line: string;
  /** What is there. */
  readonly before: string | undefined;
  /** By `core.hooksPath`, or a symbolic link, it is outside of the clone and would run in other clones too. */
  readonly isShared: boolean;
}

/** `undefined` where the config is in no clone of Git. The config need not be there yet. */
async function findHook(config: string, edge: Edge): Promise<CommitHook | undefined> {
  const folder = await realpath(dirname(resolve(config))).catch(() => undefined);
  if (folder === undefined) return undefined;
  const ask = async (...args: readonly string[]) =>
    (await git(folder, ['rev-parse', ...args], edge)).toString('utf8').replace(/\n$/, '');
  let top: string;
  let hooks: string;
  let common: string;
  try {
    top = await ask('--show-toplevel');
    hooks = await ask('--git-path', 'hooks');
    common = await ask('--git-common-dir');
  } catch {
    edge.signal.throwIfAborted();
    return undefined;
  }
  const path = resolve(folder, hooks, 'pre-commit');
  const name = join(relative(top, folder), basename(config));
  const line = `${CHECK} --config '${name.replaceAll("'", String.raw`'\''`)}' || exit 1`;
  // `hooks` may be a symbolic link.
  const real = await realpathOf(path);
  const isWithin = async (inside: string) => !relative(await realpathOf(inside), real).startsWith('..');
  const isShared = !(await isWithin(resolve(folder, common))) && !(await isWithin(top));
  return { path, name, line, isShared, before: await readFile(path, 'utf8').catch(() => undefined) };
}

/** Of what need not be there yet. */
async function realpathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(await realpathOf(folder), basename(path));
  }
}

/** Whether a person wants it: as told, else asked where one is there and the clone has no hook yet. */
export async function wantsHook({ config, hook }: InitOptions, asked: Edge): Promise<boolean> {
  if (hook !== undefined) return hook;
  if (!isInteractive(asked)) return false;
  const found = await findHook(config, asked);
  if (found === undefined || found.before !== undefined || found.isShared) return false;
  const choice = await askChoice(
    'Before each commit, check that the install files are those of the config?',
    [
      { value: 'yes', label: 'yes, by a hook of this clone' },
      { value: 'no', label: 'no' },
    ],
    asked,
  );
  return choice === 'yes';
}

export interface Hooked {
  readonly isInstalled: boolean;
  /** What to say. */
  readonly text: string;
}

/** Writes the hook where there is none, and adds to one of ours; somebody else's stays as it is. */
export async function installHook(config: string, edge: Edge): Promise<Hooked> {
  const hook = await findHook(config, edge);
  if (hook === undefined)
    return { isInstalled: false, text: `${config} is in no clone of Git, which could have a hook` };
  const { path, line, before, isShared } = hook;
  if (isChecked(hook)) return { isInstalled: true, text: `${path} checks the install files already` };
  const isOurs = before?.startsWith(HEAD) === true && !isShared;
  if (before !== undefined && !isOurs)
    return { isInstalled: false, text: `${path} is somebody else's and stays as it is; add this line to it: ${line}` };
  if (isShared)
    return {
      isInstalled: false,
      text: `${path} would run in other clones too (core.hooksPath, or a symbolic link), and is not written; where you want it, the line is: ${line}`,
    };
  try {
    await mkdir(dirname(path), { recursive: true });
    const text = `${HEAD}${line}\n${before?.slice(HEAD.length) ?? ''}`;
    await writeFile(path, text, { flag: isOurs ? 'w' : 'wx' });
    await chmod(path, 0o755);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return { isInstalled: false, text: `${path} cannot be written (${code})` };
  }
  return { isInstalled: true, text: `${path} checks the install files before each commit` };
}

/** Whether what is there checks this config: a clone may hold several. */
function isChecked({ before = '', name, line }: CommitHook): boolean {
  const named = line.slice(CHECK.length, -' || exit 1'.length);
  return before.split('\n').some((one) => {
    const [, flags] = one.split(CHECK);
    if (flags === undefined || one.trimStart().startsWith('#')) return false;
    return flags.includes(' --config') ? flags.includes(named) : name === 'hikyaku.yaml';
  });
}
