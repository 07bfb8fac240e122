import type { ServerResponse } from 'node:http';
import { statusOf } from './fake-answer.ts';
import type { FakeEvent, FakeObjects, FakeSecretObject } from './fake-objects.ts';
import { withoutData } from './fake-secrets-api.ts';

export interface FakeWatchCall {
  readonly namespace: string;
  /** Of the field selector. */
  readonly name: string | undefined;
  /** Absent: what there is comes first, as ADDED. */
  readonly resourceVersion: string | undefined;
  readonly metadataOnly: boolean;
}

/** Streams what happens; the function that it returns ends the watch, as the API server does every few minutes. */
export function startWatch(
  objects: FakeObjects,
  response: ServerResponse,
  { namespace, name, resourceVersion, metadataOnly }: FakeWatchCall,
): () => void {
  const fits = ({ metadata }: FakeSecretObject) =>
    metadata.namespace === namespace && (name === undefined || metadata.name === name);
  function write(type: string, object: object): void {
    response.write(`${JSON.stringify({ type, object })}\n`);
  }
  function tell({ type, object }: Pick<FakeEvent, 'type' | 'object'>): void {
    if (fits(object)) write(type, metadataOnly ? withoutData(object) : object);
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const missed = resourceVersion === undefined ? [] : objects.eventsAfter(Number(resourceVersion));
  if (missed === undefined) {
    write('ERROR', statusOf(410, { reason: 'Expired', message: 'too old resource version' }));
    response.end();
    return () => {};
  }
  if (resourceVersion === undefined) for (const object of objects.secrets(namespace)) tell({ type: 'ADDED', object });
  for (const event of missed) tell(event);
  const unlisten = objects.listen(tell);
  response.once('close', unlisten);
  return () => {
    const bookmark = { kind: 'Secret', apiVersion: 'v1', metadata: { resourceVersion: String(objects.revision) } };
    write('BOOKMARK', bookmark);
    response.end();
  };
}
