import type { Api } from './cluster.ts';
import { field, succeeded } from './cluster.ts';

const NAMES_ONLY = { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' };

/** The resourceVersion of every object of every kind that the server has, but for the Leases that the server itself renews. */
export async function objectVersions(admin: Api): Promise<ReadonlyMap<string, string>> {
  const versions = new Map<string, string>();
  const lists = await listPaths(admin);
  await Promise.all(
    lists.map(async (path) => {
      for (const { metadata } of itemsOf(succeeded(await admin('GET', path, undefined, NAMES_ONLY)))) {
        const { namespace = '', name, resourceVersion } = metadata;
        if (!isServersLease(path, metadata))
          versions.set(`${path.split('/').at(-1)} ${namespace}/${name}`, resourceVersion);
      }
    }),
  );
  return versions;
}

/** What is another one, new or gone in `after`, in order. */
export function changedObjects(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).toSorted();
}

/** Of all kinds that can be listed, each once. */
async function listPaths(admin: Api): Promise<readonly string[]> {
  const groups = itemsAt(succeeded(await admin('GET', '/apis')), 'groups');
  const versions = groups.map((group) => `/apis/${String(field(group, 'preferredVersion', 'groupVersion'))}`);
  const paths = await Promise.all(
    ['/api/v1', ...versions].map(async (base) => {
      const resources = itemsAt(succeeded(await admin('GET', base)), 'resources');
      return (
        resources
          .filter((resource) => itemsAt(resource, 'verbs').includes('list'))
          .map((resource) => `${base}/${String(field(resource, 'name'))}`)
          // The core group's Events are the same objects.
          .filter((path) => path !== '/apis/events.k8s.io/v1/events' && !path.endsWith('/componentstatuses'))
      );
    }),
  );
  return paths.flat();
}

/** `kube-system/apiserver-…`, renewed every ten seconds. */
function isServersLease(path: string, metadata: unknown): boolean {
  return (
    path.includes('/leases') &&
    field(metadata, 'namespace') === 'kube-system' &&
    String(field(metadata, 'name')).startsWith('apiserver-')
  );
}

interface Item {
  readonly metadata: { readonly namespace?: string; readonly name: string; readonly resourceVersion: string };
}

function itemsOf(list: unknown): readonly Item[] {
  return itemsAt(list, 'items') as readonly Item[];
}

function itemsAt(value: unknown, name: string): readonly unknown[] {
  const items = field(value, name);
  return Array.isArray(items) ? items : [];
}
