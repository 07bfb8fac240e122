import { json } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse } from './fake-answer.ts';
import type { FakeObjects, FakeSecretObject, FakeSecretParts } from './fake-objects.ts';

export interface FakeSecretCall {
  readonly method: string;
  readonly namespace: string;
  readonly name: string | undefined;
  /** Parsed JSON. */
  readonly body: unknown;
  /** The caller wants metadata only. */
  readonly metadataOnly: boolean;
}

const LARGEST = 1_048_576;

/** GET, POST, PUT and DELETE of Secrets, for somebody who may. */
export function answerSecretCall(
  objects: FakeObjects,
  { method, namespace, name, body, metadataOnly }: FakeSecretCall,
): FakeAnswer {
  const show = (status: number, object: FakeSecretObject) => json(status, metadataOnly ? withoutData(object) : object);
  if (method === 'POST') {
    const { metadata, ...wanted } = Object(body);
    const { name: wantedName } = Object(metadata);
    if (!objects.namespaces.has(namespace)) return notFound('namespaces', namespace);
    if (objects.namespaces.get(namespace) === 'Terminating') return terminating(namespace, wantedName);
    if (objects.secret(namespace, wantedName) !== undefined) {
      const message = `secrets "${wantedName}" already exists`;
      return refuse(409, { reason: 'AlreadyExists', message, name: wantedName, kind: 'secrets' });
    }
    const parts = partsOf(wanted, metadata);
    return invalid(wantedName, parts) ?? show(201, objects.put(namespace, wantedName, parts));
  }
  if (name === undefined) {
    const items = objects.secrets(namespace);
    return json(200, { kind: 'SecretList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items });
  }
  const live = objects.secret(namespace, name);
  if (live === undefined) return notFound('secrets', name);
  if (method === 'GET') return show(200, live);
  const { metadata, preconditions, ...wanted } = Object(body);
  const { uid, resourceVersion } = Object(method === 'DELETE' ? preconditions : metadata);
  const isOutdated = resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion;
  if (isOutdated || (uid !== undefined && uid !== live.metadata.uid)) {
    const message = `Operation cannot be fulfilled on secrets "${name}": the object has been modified`;
    return refuse(409, { reason: 'Conflict', message, name, kind: 'secrets' });
  }
  if (method === 'DELETE') {
    objects.remove(namespace, name);
    return json(200, { kind: 'Status', apiVersion: 'v1', status: 'Success' });
  }
  const parts = partsOf(wanted, metadata);
  return invalid(name, parts, live) ?? show(200, objects.put(namespace, name, parts));
}

export function withoutData({ metadata }: FakeSecretObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}

export function notFound(kind: 'secrets' | 'namespaces', name: string): FakeAnswer {
  return refuse(404, { reason: 'NotFound', message: `${kind} "${name}" not found`, name, kind });
}

function partsOf(wanted: object, metadata: unknown): FakeSecretParts {
  const { type = 'Opaque', immutable, data } = Object(wanted);
  const { labels, annotations } = Object(metadata);
  return { type, immutable, data: data ?? {}, labels, annotations };
}

/** 422 where Kubernetes would not take it. */
function invalid(name: string, parts: FakeSecretParts, live?: FakeSecretObject): FakeAnswer | undefined {
  const problems: { field: string; reason: string }[] = [];
  for (const key of Object.keys(parts.data)) {
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key) || key === '.' || key.startsWith('..'))
      problems.push({ field: `data[${key}]`, reason: 'FieldValueInvalid' });
  }
  const size = Object.values(parts.data).reduce((sum, value) => sum + Buffer.from(value, 'base64').length, 0);
  if (size > LARGEST) problems.push({ field: 'data', reason: 'FieldValueTooLong' });
  if (live !== undefined && live.type !== parts.type) problems.push({ field: 'type', reason: 'FieldValueInvalid' });
  if (live?.immutable === true && JSON.stringify(live.data) !== JSON.stringify(parts.data))
    problems.push({ field: 'data', reason: 'FieldValueForbidden' });
  if (parts.type === 'kubernetes.io/tls') {
    for (const key of ['tls.crt', 'tls.key'])
      if (parts.data[key] === undefined) problems.push({ field: `data[${key}]`, reason: 'FieldValueRequired' });
  }
  if (problems.length === 0) return undefined;
  // As careless as the real one: its texts can hold what was sent.
  const message = `Secret "${name}" is invalid: ${problems[0]?.field}: Invalid value: ${JSON.stringify(parts.data)}`;
  const causes = problems.map((problem) => ({ ...problem, message: '' }));
  return refuse(422, { reason: 'Invalid', message, name, kind: 'Secret', causes });
}

function terminating(namespace: string, name: string): FakeAnswer {
  const message = `secrets "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`;
  const causes = [{ reason: 'NamespaceTerminating', field: 'metadata.namespace', message: 'is being terminated' }];
  return refuse(403, { reason: 'Forbidden', message, name, kind: 'secrets', causes });
}
