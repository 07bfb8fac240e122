import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { shellWord } from '../output/shell-word.ts';
import { builtInTypes } from '../providers.ts';
import { UserError } from '../user-error.ts';

/** One file that may run, as who started the agent named it. */
export interface NamedPlugIn {
  /** What stands behind `type:`. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** `sha256-` and the base64 of the file's SHA-256. */
  readonly digest: string;
}

const FORM = '--plugin NAME=PATH@sha256-BASE64';

/** Reads the values of `--plugin`; a relative path begins where the agent was started. */
export function readPlugInFlags(flags: readonly string[]): ReadonlyMap<string, NamedPlugIn> {
  const named = new Map<string, NamedPlugIn>();
  for (const flag of flags) {
    const [, name, path, digest] = /^([^=]+)=(.+)@(sha256-[A-Za-z0-9+/]{43}=)$/.exec(flag) ?? [];
    if (name === undefined || path === undefined || digest === undefined) {
      throw new UserError(
        `--plugin ${flag} is not of the form ${FORM}; the digest of a file: openssl dgst -sha256 -binary FILE | base64`,
      );
    }
    if (builtInTypes.includes(name))
      throw new UserError(`--plugin ${name}=…: ${name} comes with the agent; give the plug-in another name`);
    if (named.has(name)) throw new UserError(`--plugin names ${name} twice`);
    named.set(name, { name, path: resolve(path), digest });
  }
  return named;
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256-${createHash('sha256').update(bytes).digest('base64')}`;
}

/** To be copied into a shell. */
export function plugInFlag({ name, path, digest }: NamedPlugIn): string {
  return `--plugin ${shellWord(`${name}=${path}@${digest}`)}`;
}
