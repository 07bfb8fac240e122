import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { shell } from '../../../tools/testbed/src/shell.ts';
import type { InstalledCluster } from './install.test.kit.ts';

export interface Count {
  readonly files: number;
  readonly commits: number;
  readonly commands: number;
}

/** The table of the page, by task. */
export function countsIn(markdown: string): ReadonlyMap<string, Count> {
  const rows = markdown.matchAll(/^\| \[([^\]]+)\]\(#[^)]+\) \| (\d+) \| (\d+) \| (\d+) \|$/gm);
  return new Map(
    [...rows].map(([, task = '', files, commits, commands]) => [
      task,
      { files: Number(files), commits: Number(commits), commands: Number(commands) },
    ]),
  );
}

/** The shell lines of a section. */
export function linesOf(markdown: string, title: string): readonly string[] {
  return [...sectionOf(markdown, title).matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, block = '']) =>
    block.trim().split('\n'),
  );
}

/** The line under `secrets:` that a section shows, with its line break. */
export function entryOf(markdown: string, title: string): string {
  const [, entry] = /^```yaml\nsecrets:\n( {2}- .*\n)```$/m.exec(sectionOf(markdown, title)) ?? [];
  if (entry === undefined) throw new Error(`${title} shows no entry`);
  return entry;
}

function sectionOf(markdown: string, title: string): string {
  return markdown.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? '';
}

/** A person at a laptop, in a clone of the repository. Counts what that person does. */
export class Desk {
  readonly folder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #edited = new Set<string>();
  #commits = 0;
  #commands = 0;

  private constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.#env = env;
  }

  /** `programs` are scripts of sh by their names; `$HOME` is `home`. */
  static async open(
    home: string,
    programs: Readonly<Record<string, string>>,
    env: Readonly<Record<string, string>>,
  ): Promise<Desk> {
    const bin = join(home, 'bin');
    const folder = join(home, 'homelab');
    await mkdir(bin, { recursive: true });
    await mkdir(folder);
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(bin, name), 0o700);
    }
    await writeFile(
      join(home, '.gitconfig'),
      '[user]\n name = operator\n email = operator@example.com\n[init]\n defaultBranch = main\n[push]\n autoSetupRemote = true\n',
    );
    const desk = new Desk(folder, {
      HOME: home,
      PATH: `${bin}:${process.env['PATH']}`,
      GIT_CONFIG_NOSYSTEM: '1',
      ...env,
    });
    await desk.shell(
      'git init --quiet --bare ../origin.git && git init --quiet && git remote add origin ../origin.git',
    );
    return desk;
  }

  /** Changes a file by hand. Throws where nothing changes. */
  async edit(path: string, change: (before: string) => string): Promise<void> {
    const before = await readFile(join(this.folder, path), 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`nothing changes in ${path}`);
    await writeFile(join(this.folder, path), after);
    this.#edited.add(path);
  }

  /** A line as the page shows it: a commit, or a command. Gives what it said. */
  async type(line: string): Promise<string> {
    if (/^git commit .* && git push$/.test(line)) this.#commits++;
    else this.#commands++;
    return await this.shell(line);
  }

  /** What was done since the last time. */
  takeCount(): Count {
    const count = { files: this.#edited.size, commits: this.#commits, commands: this.#commands };
    this.#edited.clear();
    this.#commits = 0;
    this.#commands = 0;
    return count;
  }

  async shell(line: string): Promise<string> {
    return await shell(line, { cwd: this.folder, env: this.#env });
  }
}

/** What Flux does, as far as it matters here: looks at a branch, and applies what kustomize makes of it. */
export class GitLoop implements AsyncDisposable {
  readonly #origin: string;
  readonly #clone: string;
  readonly #clusters = new Set<InstalledCluster>();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #applied = '';
  #failures: unknown[] = [];

  /** `clone` is a folder of its own. */
  constructor(origin: string, clone: string) {
    this.#origin = origin;
    this.#clone = clone;
    this.#running = this.#run();
  }

  /** From now on, beginning with what is there. */
  add(cluster: InstalledCluster): void {
    this.#clusters.add(cluster);
    this.#applied = '';
  }

  remove(cluster: InstalledCluster): void {
    this.#clusters.delete(cluster);
  }

  /** Throws what goes wrong again and again. */
  check(): void {
    if (this.#failures.length > 10) throw new AggregateError(this.#failures, 'what was committed cannot be applied');
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#look().catch((error: unknown) => {
        this.#failures.push(error);
        this.#applied = '';
      });
      await sleep(200, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const head = (await git('ls-remote', this.#origin, 'main')).split('\t')[0] ?? '';
    if (head === '' || head === this.#applied) return;
    this.#applied = head;
    await git('init', '--quiet', this.#clone);
    await git('-C', this.#clone, 'fetch', '--quiet', this.#origin, head);
    await git('-C', this.#clone, 'checkout', '--quiet', '--force', head);
    for (const cluster of this.#clusters) await cluster.apply(this.#clone);
    this.#failures = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}

async function git(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('git', args)).stdout;
}
