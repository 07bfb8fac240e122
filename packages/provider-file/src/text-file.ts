import { dirname, basename } from 'node:path';
import { ProviderError, SecretValue } from '@hikyaku/core';
import type { CallOptions, FileAccess, ProviderContext, SecretChange } from '@hikyaku/core';
import { Boundary } from './boundary.ts';
import type { Content, Files, FileWriteResult, Value, VersionOf, Wanted } from './content.ts';
import { exclusively } from './exclusively.ts';
import { writeError } from './file-error.ts';
import { changeText } from './formats/change-text.ts';
import type { TextChange } from './formats/change-text.ts';
import { Malformed } from './formats/malformed.ts';
import { decodeText, parseEntries } from './formats/text-format.ts';
import type { Entries, TextFormat } from './formats/text-format.ts';
import { digestOf, lookSteadily } from './look.ts';
import type { Look } from './look.ts';
import { isInVolume, openAllowed } from './open-allowed.ts';
import { checkVersion, namedTwice, twice } from './precondition.ts';
import { printable } from './printable.ts';
import { LARGEST_BYTES, readAllowedFile } from './read-file.ts';
import type { FileContent } from './read-file.ts';
import { replaceFile, syncDirectory } from './replace-file.ts';

interface Parsed {
  readonly text: string;
  readonly entries: Entries;
  readonly values: ReadonlyMap<string, Value>;
}

/** One file with many secrets. */
export class TextFile implements Files {
  readonly #path: string;
  readonly #shown: string;
  readonly #format: TextFormat;
  readonly #access: FileAccess;
  readonly #clock: ProviderContext['clock'];
  #known: string | undefined;
  #parsed: (Parsed & { readonly print: string }) | undefined;

  constructor(path: string, format: TextFormat, { files, clock }: ProviderContext) {
    this.#path = path;
    this.#shown = printable(path);
    this.#format = format;
    this.#access = files;
    this.#clock = clock;
  }

  async read({ wants }: Wanted, { signal }: CallOptions): Promise<Content> {
    const { entries, values } = this.#parse(await this.#look({ signal }));
    const unknown = new Map<string, ProviderError>();
    for (const [name, { line, problem }] of entries) {
      if (problem === undefined || !wants(name)) continue;
      const message = `${printable(name)} in line ${line} of ${this.#shown} ${problem}`;
      unknown.set(name, new ProviderError('INVALID_RESPONSE', message));
    }
    return {
      values: new Map([...values].filter(([name]) => wants(name))),
      unknown,
      names: new Set(entries.keys()),
    };
  }

  async write(
    changes: readonly SecretChange[],
    { versionOf, signal }: CallOptions & { readonly versionOf: VersionOf },
  ): Promise<readonly FileWriteResult[]> {
    const { real } = (await this.#look({ signal })).found;
    return await exclusively(real, async () => {
      const look = await this.#look({ signal });
      const { text, entries, values } = this.#parse(look);
      const repeated = namedTwice(changes);
      let changed = text;
      const results = changes.map((change): FileWriteResult => {
        const { name } = change;
        if (repeated.has(name)) return { name, error: twice(name) };
        const conflict = checkVersion(change, { exists: entries.has(name), value: values.get(name) }, versionOf);
        if (conflict !== undefined) return { name, error: conflict };
        const result = this.#change(changed, change);
        if (typeof result !== 'string') return { name, error: result };
        changed = result;
        return { name };
      });
      signal.throwIfAborted();
      const stamp = changed === text ? look.found.stamp : await this.#replace(look.found, changed);
      return results.map((result, index) => {
        const change = changes[index];
        if (result.error !== undefined || change === undefined || 'remove' in change) return result;
        return { ...result, written: { value: change.value, stamp } };
      });
    });
  }

  async #look({ signal }: CallOptions): Promise<Look<FileContent>> {
    const look = async (): Promise<Look<FileContent>> => {
      const boundary = await Boundary.of(this.#access);
      const found = await readAllowedFile(this.#path, this.#shown, boundary);
      return { print: digestOf([found.real, found.stamp, found.bytes]), found };
    };
    const seen = await lookSteadily(look, this.#shown, { known: this.#known, clock: this.#clock, signal });
    this.#known = seen.print;
    return seen;
  }

  #parse({ print, found }: Look<FileContent>): Parsed {
    if (this.#parsed?.print === print) return this.#parsed;
    try {
      const text = decodeText(found.bytes);
      const entries = parseEntries(this.#format, text);
      const values = new Map<string, Value>();
      for (const [name, { value }] of entries) {
        if (value !== undefined) values.set(name, { value: SecretValue.of(value), stamp: found.stamp });
      }
      this.#parsed = { print, text, entries, values };
      return this.#parsed;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      const place = error.line === undefined ? this.#shown : `line ${error.line} of ${this.#shown}`;
      throw new ProviderError('INVALID_RESPONSE', `${place} ${error.message}`);
    }
  }

  #change(text: string, change: SecretChange): string | ProviderError {
    const { name } = change;
    const textChange = toTextChange(change);
    if (textChange === undefined) {
      return new ProviderError(
        'INVALID_CONFIG',
        `the value of ${printable(name)} is not UTF-8 text, which ${this.#shown} cannot hold`,
      );
    }
    const edited = changeText(this.#format, text, textChange);
    if (edited.problem !== undefined) {
      return new ProviderError(
        'INVALID_CONFIG',
        `${printable(name)} cannot be changed in ${this.#shown}: ${edited.problem}`,
      );
    }
    if (Buffer.byteLength(edited.text) > LARGEST_BYTES) {
      return new ProviderError('INVALID_CONFIG', `with ${printable(name)}, ${this.#shown} would be larger than 1 MiB`);
    }
    return edited.text;
  }

  /** Gives the stamp of the new file. */
  async #replace(current: FileContent, text: string): Promise<string> {
    try {
      const boundary = await Boundary.of(this.#access);
      await using directory = await openAllowed(dirname(current.real), this.#shown, 'directory', boundary);
      if (isInVolume(current.real)) {
        throw new ProviderError(
          'UNSUPPORTED',
          `${this.#shown} is part of a volume that Kubernetes keeps: change its Secret or ConfigMap instead`,
        );
      }
      const stamp = await replaceFile(directory, basename(current.real), Buffer.from(text), current);
      await syncDirectory(directory.handle);
      return stamp;
    } catch (error) {
      throw writeError(error, this.#shown);
    }
  }
}

/** `undefined` where the value is no text. */
function toTextChange(change: SecretChange): TextChange | undefined {
  if ('remove' in change) return { name: change.name, remove: true };
  const value = change.value.text();
  return value === undefined ? undefined : { name: change.name, value };
}
