import type { Connection } from './connection.ts';
import type { NamespaceEvent, WatchNamespacesOptions } from './kube-client.ts';
import { isKubeError } from './kube-error.ts';
import { fromServer } from './objects.ts';
import type { KubeObject } from './objects.ts';
import { pause } from './pause.ts';
import { asRecord } from './plain-text.ts';
import { metadataOnly } from './resource-calls.ts';
import { watch } from './watch.ts';

const path = '/api/v1/namespaces';
const metadataList = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const pageSize = 500;

export async function* watchNamespaces(
  connection: Connection,
  options: WatchNamespacesOptions,
): AsyncGenerator<NamespaceEvent, void, undefined> {
  const { signal, minimumDelayMs = 1_000, maximumDelayMs = 30_000 } = options;
  const known = new Set<string>();
  let resourceVersion: string | undefined;
  let delayMs = minimumDelayMs;
  for (;;) {
    try {
      if (resourceVersion === undefined) {
        const listed = await list(connection, signal);
        yield* differences(known, listed.items);
        resourceVersion = listed.resourceVersion;
      }
      const query = { resourceVersion };
      for await (const { type, object } of watch(connection, path, {
        signal,
        query,
        accept: metadataOnly,
      })) {
        resourceVersion = object.metadata.resourceVersion;
        delayMs = minimumDelayMs;
        if (type === 'BOOKMARK') continue;
        const { name } = object.metadata;
        if (type === 'DELETED') known.delete(name);
        else known.add(name);
        yield { type, name, terminating: isTerminating(object) };
      }
      // The server ended it, as it does every few minutes, or in quick succession while it stops.
      delayMs = minimumDelayMs;
      await pause(delayMs, signal);
    } catch (error) {
      if (signal.aborted || !isKubeError(error)) throw error;
      options.onError?.(error);
      // A resourceVersion that is too old, or that a restored server does not know.
      if (error.code !== 'UNAVAILABLE') resourceVersion = undefined;
      await pause(Math.min(error.retryAfterMs ?? delayMs, 10 * maximumDelayMs), signal);
      delayMs = Math.min(delayMs * 2, maximumDelayMs);
    }
  }
}

interface Listed {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string | undefined;
}

async function list(connection: Connection, signal: AbortSignal): Promise<Listed> {
  const items: KubeObject[] = [];
  let continueFrom: string | undefined;
  for (;;) {
    const { body } = await connection.request('GET', path, {
      signal,
      accept: metadataList,
      query: { limit: pageSize, continue: continueFrom },
    });
    const page = asRecord(body);
    const { resourceVersion, continue: next } = asRecord(page['metadata']);
    items.push(...fromServer<readonly KubeObject[]>(page['items'] ?? []));
    if (typeof next !== 'string' || next === '') {
      return {
        items,
        resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : undefined,
      };
    }
    continueFrom = next;
  }
}

/** After a gap in the watch: what went away meanwhile, and everything there is. */
function* differences(known: Set<string>, items: readonly KubeObject[]): Generator<NamespaceEvent> {
  const live = new Set(items.map((item) => item.metadata.name));
  for (const name of [...known].filter((knownName) => !live.has(knownName))) {
    known.delete(name);
    yield { type: 'DELETED', name, terminating: true };
  }
  for (const item of items) {
    const { name } = item.metadata;
    const type = known.has(name) ? 'MODIFIED' : 'ADDED';
    known.add(name);
    yield { type, name, terminating: isTerminating(item) };
  }
}

function isTerminating(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}
