import type { Api } from './cluster.ts';
import { field, succeeded } from './cluster.ts';

export interface ReadableObject {
  /** `configmaps hikyaku/hikyaku-inventory` */
  readonly name: string;
  /** JSON, with all metadata; of a Secret without its data. */
  readonly text: string;
}

/** Every object of every kind that the server can list. */
export async function readableObjects(admin: Api): Promise<readonly ReadableObject[]> {
  const groups = listAt(succeeded(await admin('GET', '/apis')), 'groups');
  const versions = groups.map((group) => `/apis/${String(field(group, 'preferredVersion', 'groupVersion'))}`);
  const kinds = await Promise.all(['/api/v1', ...versions].map((version) => listableKinds(admin, version)));
  const objects = await Promise.all(kinds.flat().map((path) => objectsOf(admin, path)));
  return objects.flat();
}

async function listableKinds(admin: Api, version: string): Promise<readonly string[]> {
  const resources = listAt(succeeded(await admin('GET', version)), 'resources');
  return resources
    .filter((resource) => listAt(resource, 'verbs').includes('list'))
    .map((resource) => `${version}/${String(field(resource, 'name'))}`);
}

async function objectsOf(admin: Api, path: string): Promise<readonly ReadableObject[]> {
  const kind = path.slice(path.lastIndexOf('/') + 1);
  return listAt(succeeded(await admin('GET', path)), 'items').map((item) => {
    const namespace = field(item, 'metadata', 'namespace');
    const name = `${kind} ${typeof namespace === 'string' ? namespace : ''}/${String(field(item, 'metadata', 'name'))}`;
    return {
      name,
      text: JSON.stringify(item, (key, value: unknown) =>
        path === '/api/v1/secrets' && key === 'data' ? undefined : value,
      ),
    };
  });
}

function listAt(value: unknown, name: string): readonly unknown[] {
  const list = field(value, name);
  return Array.isArray(list) ? list : [];
}
