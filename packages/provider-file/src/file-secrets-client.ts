import { resolve } from 'node:path';
import { isProviderError, previousIfSame, ProviderError, refId, untilAborted } from '@hikyaku/core';
import type {
  CallOptions,
  ProviderContext,
  ReadRequest,
  Secret,
  SecretChange,
  SecretInfo,
  SecretsClient,
  Snapshot,
  WriteResult,
} from '@hikyaku/core';
import type { Files, Value, Wanted } from './content.ts';
import { Directory } from './directory.ts';
import { formatOf } from './file-config.ts';
import type { FileConfig, FileFormat } from './file-config.ts';
import { dotenv } from './formats/dotenv.ts';
import { json } from './formats/json.ts';
import type { TextFormat } from './formats/text-format.ts';
import { yaml } from './formats/yaml.ts';
import { KnownVersions } from './known-versions.ts';
import { printable } from './printable.ts';
import { TextFile } from './text-file.ts';
import { watchPath } from './watch-path.ts';

const TEXT_FORMATS: Readonly<Record<Exclude<FileFormat, 'directory'>, TextFormat>> = { dotenv, json, yaml };
const EVERYTHING: Wanted = { wants: () => true, named: new Set() };

/** Reads, lists, writes and watches one path. */
export class FileSecretsClient implements SecretsClient {
  readonly #path: string;
  readonly #context: ProviderContext;
  readonly #files: Files;
  readonly #versions = new KnownVersions();

  constructor(config: FileConfig, context: ProviderContext) {
    const format = formatOf(config);
    this.#path = resolve(context.files.base, config.path);
    this.#context = context;
    this.#files =
      format === 'directory'
        ? new Directory(this.#path, context)
        : new TextFile(this.#path, TEXT_FORMATS[format], context);
  }

  async read({ all, wants = () => true, refs, previous, signal }: ReadRequest): Promise<Snapshot> {
    signal.throwIfAborted();
    const named = new Set(refs.flatMap(({ name, version }) => (version === undefined ? [name] : [])));
    const wanted: Wanted = { named, wants: (name) => named.has(name) || (all && wants(name)) };
    const content = await untilAborted(this.#files.read(wanted, { signal }), { signal });

    if (previous !== undefined) this.#versions.adopt(previous, content.values);
    this.#versions.forgetAllBut(content.names);
    const secrets = new Map<string, Secret>();
    for (const [name, value] of content.values) {
      secrets.set(name, { value: value.value, version: this.#versions.versionOf(name, value) });
    }
    const unknown = new Map(content.unknown);
    for (const ref of refs) {
      if (ref.version === undefined) continue;
      const message = `files keep no versions to pin: remove \`version\` from ${printable(ref.name)}`;
      unknown.set(refId(ref), new ProviderError('UNSUPPORTED', message));
    }
    const snapshot = { secrets, ...(unknown.size > 0 && { unknown }) };
    return previousIfSame(previous, snapshot);
  }

  async list({ signal }: CallOptions): Promise<readonly SecretInfo[]> {
    signal.throwIfAborted();
    const { values, unknown } = await untilAborted(this.#files.read(EVERYTHING, { signal }), { signal });
    return [
      ...Array.from(values, ([name, value]) => ({ name, version: this.#versions.versionOf(name, value) })),
      ...Array.from(unknown.keys(), (name) => ({ name })),
    ];
  }

  async write(changes: readonly SecretChange[], { signal }: CallOptions): Promise<readonly WriteResult[]> {
    signal.throwIfAborted();
    const versionOf = (name: string, value: Value): string => this.#versions.versionOf(name, value);
    const writing = this.#files.write(changes, { signal, versionOf });
    try {
      const results = await untilAborted(writing, { signal });
      return results.map(({ written, ...result }) =>
        written === undefined ? result : { ...result, version: versionOf(result.name, written) },
      );
    } catch (error) {
      if (!isProviderError(error)) throw error;
      return changes.map(({ name }) => ({ name, error })); // it is thrown before anything is written
    }
  }

  watch({ signal }: CallOptions): AsyncIterable<void> {
    const { files, clock } = this.#context;
    return watchPath(this.#path, { files, clock, signal });
  }
}
