import type { Connection } from './connection.ts';
import type { CallOptions, DeleteOptions, ObjectIdentity, ResourceCalls, WriteOptions } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import { fromServer } from './objects.ts';
import type { NamespacedObject } from './objects.ts';
import { path } from './path.ts';
import { asRecord } from './plain-text.ts';

/** Answers with names, labels and versions, never with data. */
export const metadataOnly = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

export interface Resource {
  /** `v1`, `coordination.k8s.io/v1` */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

export function resourceCalls<T extends NamespacedObject>(
  connection: Connection,
  resource: Resource,
): ResourceCalls<T> {
  const { apiVersion, kind, plural } = resource;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  function collection(namespace: string): string {
    return `${root}${path`/namespaces/${namespace}/`}${plural}`;
  }
  function item(namespace: string, name: string): string {
    return collection(namespace) + path`/${name}`;
  }
  return {
    async get(namespace: string, name: string, options: CallOptions): Promise<T> {
      const doing = `get ${kind} ${namespace}/${name}`;
      const { body } = await connection.request('GET', item(namespace, name), {
        ...options,
        doing,
      });
      return fromServer<T>(body);
    },
    async create(object: T, options: WriteOptions): Promise<ObjectIdentity> {
      const { namespace, name } = object.metadata;
      const doing = `create ${kind} ${namespace}/${name}`;
      return write(connection, 'POST', collection(namespace), { apiVersion, kind, ...object }, doing, options);
    },
    async replace(object: T, options: WriteOptions): Promise<ObjectIdentity> {
      const { namespace, name } = object.metadata;
      const doing = `replace ${kind} ${namespace}/${name}`;
      return write(connection, 'PUT', item(namespace, name), { apiVersion, kind, ...object }, doing, options);
    },
    async delete(namespace: string, name: string, options: DeleteOptions): Promise<void> {
      const { uid, resourceVersion, dryRun, ...call } = options;
      await connection.request('DELETE', item(namespace, name), {
        ...call,
        accept: metadataOnly,
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          preconditions: { uid, resourceVersion },
          ...(dryRun ? { dryRun: ['All'] } : {}),
        },
        doing: `delete ${kind} ${namespace}/${name}`,
      });
    },
  };
}

export async function write(
  connection: Connection,
  method: 'POST' | 'PUT',
  requestPath: string,
  object: unknown,
  doing: string,
  options: WriteOptions,
): Promise<ObjectIdentity> {
  const { dryRun, signal, timeoutMs } = options;
  const { body } = await connection.request(method, requestPath, {
    signal,
    timeoutMs,
    accept: metadataOnly,
    query: dryRun ? dryRunQuery : undefined,
    body: object,
    doing,
  });
  const { uid, resourceVersion, managedFields } = asRecord(asRecord(body)['metadata']);
  if (typeof uid !== 'string') throw new KubeError('UNEXPECTED', `${doing}: the answer has no uid`);
  return {
    uid,
    // A dry-run create has no resourceVersion yet.
    resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
    ...(Array.isArray(managedFields) && { managers: managersOf(managedFields) }),
  };
}

function managersOf(managedFields: readonly unknown[]): readonly string[] {
  const managers = managedFields.map((fields) => asRecord(fields)['manager']);
  return [...new Set(managers.filter((manager) => typeof manager === 'string'))];
}

const dryRunQuery = { dryRun: 'All' };
