import type { Method } from './kube-client.ts';

const verbs = {
  GET: 'get',
  POST: 'create',
  PUT: 'replace',
  DELETE: 'delete',
  PATCH: 'patch',
} as const;

/** What a request does, for error messages: `get secrets web/db`. */
export function describeRequest(method: Method, path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '');
  const prefix = segments[0] === 'api' ? 2 : segments[0] === 'apis' ? 3 : segments.length;
  const rest = segments.slice(prefix);
  if (rest.length === 0) return `${method} ${path}`;
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const namespace = namespaced ? rest[1] : undefined;
  const [resource, name, ...subresource] = namespaced ? rest.slice(2) : rest;
  const verb = method === 'GET' && name === undefined ? 'list' : verbs[method];
  const kind = [resource, ...subresource].join('/');
  const object = [namespace, name].filter((part) => part !== undefined).join('/');
  return object === '' ? `${verb} ${kind}` : `${verb} ${kind} ${object}`;
}
