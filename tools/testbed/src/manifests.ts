import { parseAllDocuments } from 'yaml';
import { type Api, field, succeeded } from './cluster.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The objects of a YAML stream, in order; throws on a YAML error or an object that is none. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    const value: unknown = document.toJS();
    if (value === null) return [];
    if (!isManifest(value)) throw new Error(`no Kubernetes object: ${JSON.stringify(value)}`);
    return [value];
  });
}

/** Applies each object the way Flux and `kubectl apply --server-side --force-conflicts` do: fields that the text does not name stay. */
export async function applyYaml(api: Api, text: string): Promise<void> {
  const paths = new Map<string, string>();
  for (const manifest of parseManifests(text)) {
    const { apiVersion, kind, metadata } = manifest;
    const known = paths.get(`${apiVersion} ${kind}`) ?? (await resourceOf(api, apiVersion, kind));
    paths.set(`${apiVersion} ${kind}`, known);
    const namespace = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
    const path = `${apiGroupPath(apiVersion)}${namespace}/${known}/${metadata.name}?fieldManager=e2e&force=true&fieldValidation=Strict`;
    succeeded(await api('PATCH', path, manifest, { 'content-type': 'application/apply-patch+yaml' }));
  }
}

/** `/api/v1` or `/apis/GROUP/VERSION`. */
function apiGroupPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

async function resourceOf(api: Api, apiVersion: string, kind: string): Promise<string> {
  const resources = field(succeeded(await api('GET', apiGroupPath(apiVersion))), 'resources');
  const names = Array.isArray(resources)
    ? resources
        .filter((resource) => field(resource, 'kind') === kind)
        .map((resource) => String(field(resource, 'name')))
    : [];
  const name = names.find((candidate) => !candidate.includes('/'));
  if (name === undefined) throw new Error(`the server knows no ${kind} of ${apiVersion}`);
  return name;
}

function isManifest(value: unknown): value is Manifest {
  return [['apiVersion'], ['kind'], ['metadata', 'name']].every((path) => typeof field(value, ...path) === 'string');
}
