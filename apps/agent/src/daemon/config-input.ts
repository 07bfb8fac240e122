import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isConfigName, readConfigFiles } from '@hikyaku/config';
import type { ConfigFiles } from '@hikyaku/config';
import type { CallOptions, Clock } from '@hikyaku/core';
import { isKubeError, path as apiPath, watchByName } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient } from '@hikyaku/kube-client';
import { REFUSALS } from './refusals.ts';

/** Where the config of a daemon comes from. */
export interface ConfigInput {
  /** As it is now. Throws KubeError where the API server has to be asked and cannot be. */
  read(options: CallOptions): Promise<ConfigFiles>;
  /** Yields at first, as it may have changed meanwhile, and when it may have changed, until the signal aborts. */
  changes(options: CallOptions): AsyncIterable<void>;
}

/** Files are looked at so often: notices of the system do not come through every kind of mount. */
const LOOK_EVERY_MS = 500;

/** A file, or a directory of them. */
export function fileInput(path: string, clock: Clock): ConfigInput {
  return {
    read: () => readConfigFiles(path),
    async *changes({ signal }) {
      let taken: string | undefined;
      for (let before = await stampOf(path); ;) {
        await clock.sleep(LOOK_EVERY_MS, { signal });
        const now = await stampOf(path);
        // One that is still being written could lack entries, and their Secrets would be deleted.
        const isStill = now === before;
        before = now;
        if (!isStill || now === taken) continue;
        taken = now;
        yield;
      }
    },
  };
}

/** A ConfigMap, seen through the API: at once, while a mounted one takes a minute. Its keys are named as files of `folder`. */
export function configMapInput(
  client: KubeClient,
  { namespace, name, folder }: { readonly namespace: string; readonly name: string; readonly folder: string },
): ConfigInput {
  return {
    async read(options) {
      const live = await client.configMaps.get(namespace, name, options).catch((error: unknown) => {
        if (isKubeError(error) && error.code === 'NOT_FOUND') return undefined;
        throw error;
      });
      const files = Object.entries(live?.data ?? {})
        .filter(([key]) => isConfigName(key))
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, text]) => ({ path: join(folder, key), text }));
      if (files.length > 0) return { files, problems: [] };
      const message =
        live === undefined
          ? `there is no ConfigMap ${namespace}/${name}`
          : `the ConfigMap ${namespace}/${name} has no key that ends with .yaml`;
      return { files, problems: [{ file: folder, line: 1, column: 1, path: '', message }] };
    },
    async *changes({ signal }) {
      const collection = apiPath`/api/v1/namespaces/${namespace}/configmaps`;
      for await (const _ of watchByName<ConfigMapObject>(client, collection, name, { signal, refusals: REFUSALS }))
        yield;
    },
  };
}

/** Differs when a file has; also where only what a link leads to has been swapped. */
async function stampOf(path: string): Promise<string> {
  try {
    const isDirectory = (await stat(path)).isDirectory();
    const names = isDirectory ? (await readdir(path)).filter(isConfigName).toSorted() : [''];
    const stamps = await Promise.all(
      names.map(async (name) => {
        const file = await realpath(join(path, name));
        const { ino, size, mtimeMs, ctimeMs } = await stat(file);
        return [file, ino, size, mtimeMs, ctimeMs].join();
      }),
    );
    return stamps.join('\n');
  } catch {
    return 'unreadable'; // which reading says better
  }
}
