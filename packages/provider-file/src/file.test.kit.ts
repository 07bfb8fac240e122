import { mkdir, mkdtemp, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, FileAccess, ReadRequest, SecretChange, Snapshot } from '@hikyaku/core';
import { SecretValue, systemClock } from '@hikyaku/core';
import { createContext } from '@hikyaku/provider-testing';
import { fileConfig } from './file-config.ts';
import type { FileConfig } from './file-config.ts';
import { FileSecretsClient } from './file-secrets-client.ts';

/** A folder of its own, removed with everything in it. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'hikyaku-file-')));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Waits much shorter than the real one: enough where nobody writes meanwhile. */
export const quickClock: Clock = {
  ...systemClock,
  sleep: (ms, options) => systemClock.sleep(Math.min(ms, 5), options),
};

/** A client of one path, as the agent opens it. */
export function connect(
  config: FileConfig,
  files: Partial<FileAccess> & Pick<FileAccess, 'base'>,
  clock: Clock = quickClock,
) {
  const context = createContext({ files, clock });
  const client = new FileSecretsClient(fileConfig.parse(config), context);
  const signal = AbortSignal.timeout(20_000);
  return {
    client,
    context,
    signal,
    read: (request: Partial<ReadRequest> = {}): Promise<Snapshot> =>
      client.read({ all: true, refs: [], signal, progress() {}, ...request }),
    list: () => client.list({ signal }),
    write: (...changes: readonly SecretChange[]) => client.write(changes, { signal }),
    watch: (options = { signal }) => client.watch(options)[Symbol.asyncIterator](),
  };
}

export function set(name: string, value: string | Uint8Array, ifVersion?: string | null): SecretChange {
  return { name, value: SecretValue.of(value), ...(ifVersion !== undefined && { ifVersion }) };
}

export function remove(name: string, ifVersion?: string): SecretChange {
  return { name, remove: true, ...(ifVersion !== undefined && { ifVersion }) };
}

export function texts({ secrets }: Snapshot): Record<string, string | undefined> {
  return Object.fromEntries([...secrets].map(([name, { value }]) => [name, value.text()]));
}

export function codes({ unknown }: Snapshot): Record<string, string> {
  return Object.fromEntries([...(unknown ?? [])].map(([name, { code }]) => [name, code]));
}

/** What the kubelet does with a mounted ConfigMap or Secret (kubernetes pkg/volume/util/atomic_writer.go). */
export class FakeVolume {
  readonly path: string;
  #swaps = 0;

  constructor(path: string) {
    this.path = path;
  }

  async swap(data: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    this.#swaps += 1;
    const directory = `..2026_01_31_12_00_00.${String(this.#swaps).padStart(9, '0')}`;
    const before = this.#swaps === 1 ? undefined : await realpath(join(this.path, '..data'));
    await mkdir(join(this.path, directory), { recursive: true });
    for (const [name, value] of Object.entries(data)) await writeFile(join(this.path, directory, name), value);
    await symlink(directory, join(this.path, '..data_tmp'));
    await rename(join(this.path, '..data_tmp'), join(this.path, '..data'));
    for (const name of Object.keys(data)) {
      await symlink(join('..data', name), join(this.path, name)).catch(() => {}); // it is there already
    }
    if (before !== undefined) await rm(before, { recursive: true });
  }
}

/** Replaces a file at once, as good writers do. */
export async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

export async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8');
}

/** Root may do everything: then as somebody else. */
export async function asNobody(work: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
