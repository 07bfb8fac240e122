import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EXIT } from '../exit-code.ts';
import { folderOf } from '../file-access.ts';
import { UserError } from '../user-error.ts';
import type { InstallFile } from './install.ts';
import { ALL_FILES, IMAGE_FILE, KUSTOMIZATION, settingsIn } from './kustomize-files.ts';
import { parseSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import { imageIn } from './workload.ts';

/** What a folder holds of the files that are written there. */
export interface WrittenBase {
  readonly folder: string;
  /** By path below the folder. */
  readonly texts: ReadonlyMap<string, string>;
  /** `undefined` where its kustomization is missing, or somebody else's. */
  readonly settings: Settings | undefined;
  readonly image: string | undefined;
}

/** Throws a UserError. */
export async function readBase(folder: string): Promise<WrittenBase> {
  const texts = new Map<string, string>();
  for (const path of ALL_FILES) {
    const text = await readIfThere(join(folder, path));
    if (text !== undefined) texts.set(path, text);
  }
  const flags = settingsIn(texts.get(KUSTOMIZATION) ?? '');
  const settings = flags === undefined ? undefined : parseSettings(flags, join(folder, KUSTOMIZATION));
  return { folder, texts, settings, image: imageIn(texts.get(IMAGE_FILE) ?? '') };
}

/** The paths that are not as they would be written, missing and left-over ones too. */
export function differing({ texts }: WrittenBase, files: readonly InstallFile[]): readonly string[] {
  const wanted = new Map(files.map(({ path, text }) => [path, text]));
  return ALL_FILES.filter((path) => texts.get(path) !== wanted.get(path));
}

/** Writes what differs, and returns those paths. Throws a UserError. */
export async function writeBase(base: WrittenBase, files: readonly InstallFile[]): Promise<readonly string[]> {
  const wanted = new Map(files.map(({ path, text }) => [path, text]));
  const paths = differing(base, files);
  for (const path of paths) {
    const file = join(base.folder, path);
    const text = wanted.get(path);
    try {
      if (text === undefined) await rm(file);
      else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
    } catch (error) {
      throw new UserError(`${file} cannot be written (${codeOf(error)})`, EXIT.failed);
    }
  }
  return paths;
}

/** Throws a UserError where files would be written over that are not ours, or would be read as the config. */
export function requireOurs({ folder, texts, settings }: WrittenBase, config: string): void {
  if (resolve(config) === folderOf(config) && resolve(folder) === resolve(config))
    throw new UserError(
      `${join(folder, KUSTOMIZATION)} would be read as a file of the config: put the config into a folder of its own, such as ${join(folder, 'config')}`,
    );
  const [found] = texts.keys();
  if (settings === undefined && found !== undefined)
    throw new UserError(
      `${join(folder, found)} was not written by hikyaku manifests: --force writes over it, --kustomize names another folder`,
    );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw new UserError(`${path} cannot be read (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
