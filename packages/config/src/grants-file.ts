import * as z from 'zod';
import { readFields } from './fields.ts';
import { wrongKind } from './issues.ts';
import { DEFAULT_GRANTS } from './grants.ts';
import type { Grants, PlugInGrant, PushGrant } from './grants.ts';
import { dnsLabel, dnsSubdomain, labelKeyProblem } from './kubernetes-names.ts';
import { isMapping } from './place.ts';
import type { Place } from './place.ts';
import { byPosition } from './problem.ts';
import type { Problem } from './problem.ts';
import { readYaml } from './read-yaml.ts';
import type { ConfigFile } from './read-yaml.ts';
import { restartGrant } from './restart.ts';
import { refusedTypeReason } from './secret-type.ts';
import { sourceName } from './source.ts';

export type GrantsResult =
  /** `words`: those that the file itself says. */
  | { readonly ok: true; readonly grants: Grants; readonly words: ReadonlySet<string> }
  | { readonly ok: false; readonly problems: readonly Problem[] };

// The API server's policy reads the lists as comma separated text, so an entry that held a comma or a space would be another one there.
const secretType = z
  .string()
  .regex(/^[^\s,]+$/, { error: 'must be a type of Secret, without spaces and commas' })
  .superRefine((type, context) => {
    const reason = refusedTypeReason(type);
    if (reason !== undefined) context.addIssue({ code: 'custom', message: `may never be granted: ${reason}` });
  });

const metadataPrefix = z
  .string()
  .regex(/^[^\s,]+$/, { error: 'must be a prefix that ends in `/`, or one key' })
  .superRefine((entry, context) => {
    const problem = labelKeyProblem(entry.endsWith('/') ? `${entry}name` : entry);
    const ours = entry.startsWith('hikyaku.dev/') ? 'may not be granted: these keys are hikyaku’s own' : undefined;
    const message = problem ?? ours;
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

const secretId = z.string().refine(isSecretId, { error: 'must be NAMESPACE/NAME of a Secret' });

const origin = z
  .string()
  .regex(/^https?:\/\//, { error: 'must be an origin such as `https://api.doppler.com`', abort: true })
  .refine((text) => URL.parse(text)?.origin === text, {
    error: 'must be an origin such as `https://api.doppler.com`: lower case, no path, no port that goes without saying',
  });

const plugin = z.strictObject({
  path: z
    .string()
    .min(1, { error: 'must be the path of a file' })
    .optional()
    .describe('The file, relative to the folder of the config file; without it the name itself is the path'),
  digest: z
    .string()
    .regex(/^sha256-[A-Za-z0-9+/]{43}=$/, {
      error: 'must be `sha256-` and the base64 of the file’s SHA-256: `hikyaku grants` writes it',
    })
    .describe('`sha256-` and the base64 of the file’s SHA-256'),
});

const push = z.strictObject({
  from: secretId.describe('NAMESPACE/NAME of the Secret'),
  to: sourceName.describe('The source, a name under `providers:` of the config'),
});

export const grantsFile = z.strictObject({
  version: z
    .literal(1, { error: 'must be `1`: this hikyaku reads version 1' })
    .optional()
    .describe('Version of the grammar'),
  types: z
    .array(secretType)
    .optional()
    .describe('Secret types that may be written, exact; the six ordinary ones by default'),
  metadataPrefixes: z
    .array(metadataPrefix)
    .optional()
    .describe('Keys of labels and annotations: a prefix that ends in `/`, or one key; `app.kubernetes.io/` by default'),
  reservedNamespaces: z
    .array(dnsLabel())
    .optional()
    .describe('Namespaces where nothing is written; those of the system, of Flux and of Argo CD by default'),
  names: z
    .array(secretId)
    .optional()
    .describe('The only Secrets that may be created and changed, NAMESPACE/NAME; absent: no limit'),
  origins: z
    .array(origin)
    .optional()
    .describe(
      'The only origins that sources may reach; absent: all but this machine, link-local ones and the API server',
    ),
  plugins: z
    .record(z.string().min(1), plugin)
    .optional()
    .describe('The plug-ins whose code may run, by what stands behind `type:`'),
  files: z
    .string()
    .regex(/^\/./, { error: 'must be the absolute path of a directory' })
    .optional()
    .describe('Where files that a config names may be, besides the folder of the config file'),
  pushes: z.array(push).optional().describe('Secrets of the cluster that may be carried to a source'),
  restarts: z
    .array(restartGrant)
    .optional()
    .describe('What may be restarted: NAMESPACE/KIND/NAME, or NAMESPACE/* for all of a namespace; nothing by default'),
});

const SMALLEST = 'a smallest one is `version: 1`, which grants the defaults';

/** Reads a `grants.yaml`; all problems are reported at once. What it leaves out has the value of {@link DEFAULT_GRANTS}. */
export function parseGrants(file: ConfigFile): GrantsResult {
  const { root, problems: yamlProblems } = readYaml(file, SMALLEST);
  const problems = [...yamlProblems];
  if (root === undefined) return { ok: false, problems };
  const fields = readFields(root, grantsFile, problems, ['plugins', 'pushes']);
  const plugins = readPlugins(root.children.get('plugins'), problems);
  const pushes = readPushes(root.children.get('pushes'), problems);
  if (problems.length > 0) return { ok: false, problems: problems.toSorted(byPosition) };
  const { types, metadataPrefixes, reservedNamespaces, names, origins, files, restarts } = fields;
  const grants: Grants = {
    types: types ?? DEFAULT_GRANTS.types,
    metadataPrefixes: metadataPrefixes ?? DEFAULT_GRANTS.metadataPrefixes,
    reservedNamespaces: reservedNamespaces ?? DEFAULT_GRANTS.reservedNamespaces,
    ...(names && { names }),
    ...(origins && { origins }),
    plugins,
    ...(files !== undefined && { files }),
    pushes,
    restarts: restarts ?? DEFAULT_GRANTS.restarts,
  };
  return { ok: true, grants, words: new Set([...root.children.keys()].map(String)) };
}

/** Whether a text is the `namespace/name` of a Secret. */
export function isSecretId(text: string): boolean {
  const [namespace, name, ...rest] = text.split('/');
  return rest.length === 0 && dnsLabel().safeParse(namespace).success && dnsSubdomain().safeParse(name).success;
}

function readPlugins(place: Place | undefined, problems: Problem[]): ReadonlyMap<string, PlugInGrant> {
  const plugins = new Map<string, PlugInGrant>();
  if (place === undefined) return plugins;
  if (!isMapping(place.value)) {
    if (place.whole) problems.push(wrongKind(place, 'a mapping'));
    return plugins;
  }
  for (const [name, item] of place.children) {
    const { path, digest = '' } = readFields(item, plugin, problems);
    plugins.set(String(name), { ...(path !== undefined && { path }), digest, position: item.keyPosition });
  }
  return plugins;
}

function readPushes(place: Place | undefined, problems: Problem[]): readonly PushGrant[] {
  if (place === undefined) return [];
  if (!Array.isArray(place.value)) {
    if (place.whole) problems.push(wrongKind(place, 'a list'));
    return [];
  }
  return [...place.children.values()].map((item) => {
    const { from = '', to = '' } = readFields(item, push, problems);
    return { from, to, position: item.position };
  });
}
