import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { field } from '@hikyaku/testbed';
import type { Contents } from './example.ts';

/** A source of an example. */
export interface SourceToPrepare {
  /** The example's file or directory. */
  readonly example: string;
  /** As they stand under `providers`. */
  readonly settings: object;
  readonly contents: Contents;
  /** The agent writes there. */
  readonly isPushedTo: boolean;
  /** Of the config file that is run, a copy. */
  readonly folder: string;
}

export interface PreparedSource {
  /** Of the settings, what has to be another. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** For the agent. */
  readonly env?: Readonly<Record<string, string>>;
  /** Credentials. */
  readonly hidden?: readonly string[];
  /** What is there by now, as a person would see it. */
  readonly look?: () => Promise<Contents>;
}

/** Stands for all services of one kind. */
export interface Preparer extends AsyncDisposable {
  /** Puts the contents, and the credentials to read them, where the source will look. */
  prepare(source: SourceToPrepare): Promise<PreparedSource>;
}

export interface CredentialPlace {
  /** Where it stands in the settings. */
  readonly path: readonly string[];
  /** The variable that it is read from where the settings do not say. */
  readonly byDefault?: string;
}

/** Puts a credential where the settings point. */
export async function placeCredential(
  value: string,
  { path, byDefault }: CredentialPlace,
  { settings, folder }: SourceToPrepare,
): Promise<PreparedSource> {
  const file = textAt(settings, ...path, 'file');
  if (file !== undefined) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), `${value}\n`);
    return { hidden: [value] };
  }
  const variable = textAt(settings, ...path, 'env') ?? byDefault;
  if (variable === undefined) throw new Error(`\`${path.join('.')}\` names neither a file nor a variable`);
  return { env: { [variable]: value }, hidden: [value] };
}

export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = field(value, ...path);
  return typeof found === 'string' ? found : undefined;
}
