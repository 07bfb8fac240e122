import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { jsonSchema, parseConfig } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { DEFAULTS, readSecretName } from '../init/answers.ts';
import type { SecretName } from '../init/answers.ts';
import { askText } from '../init/ask.ts';
import { scalar, SCHEMA_FILE } from '../init/config-text.ts';
import type { InitOptions } from '../init/init-options.ts';
import { shellFlag } from '../output/shell-word.ts';
import { styleFor } from '../output/style.ts';
import { builtInTypes, loadAllBuiltIn, loadBuiltIn } from '../providers.ts';
import { UserError } from '../user-error.ts';

interface Answers {
  readonly project: string;
  readonly dopplerConfig: string;
  readonly secret: SecretName;
  readonly tokenEnv: string;
}

/** Writes a config to start from, and the schema that editors complete it by; for a cluster that is named, all that it takes. With `hook` alone: that. */
export async function init(options: InitOptions, edge: Edge): Promise<ExitCode> {
  if (options.context !== undefined) return await (await import('../init/init-cluster.ts')).initCluster(options, edge);
  refuseClusterAnswers(options);
  if (options.hook === true) {
    const { installHook } = await import('../init/commit-hook.ts');
    const { isInstalled, text } = await installHook(options.config, edge);
    if (!isInstalled) throw new UserError(text, EXIT.failed);
    edge.stdout.write(`${styleFor(edge, edge.stdout).good('✓')} ${text}\n`);
    return EXIT.fine;
  }
  const { config: path, force = false } = options;
  if (!force && (await exists(path)))
    throw new UserError(`${path} is there already; --force writes over it, --config names another file`);
  const answers = await answer(options, edge);
  const text = starterConfig(answers);
  const result = await parseConfig([{ path, text }], { providers: { types: builtInTypes, load: loadBuiltIn } });
  if (!result.ok)
    throw new UserError(result.problems.map(({ message, path: where }) => `${where}: ${message}`).join('\n'));

  const schemaPath = join(dirname(path), SCHEMA_FILE);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await writeFile(schemaPath, `${JSON.stringify(jsonSchema(await loadAllBuiltIn()), null, 2)}\n`);
  const style = styleFor(edge, edge.stdout);
  const flag = path === 'hikyaku.yaml' ? '' : shellFlag('--config', path);
  edge.stdout.write(
    `${style.good('✓')} ${path} and ${schemaPath} written. Next:\n\n` +
      `  read -rs ${answers.tokenEnv} && export ${answers.tokenEnv}   # paste a read-only service token of that config\n` +
      `  hikyaku plan${flag}             # what would happen\n` +
      `  hikyaku sync${flag}             # do it\n`,
  );
  return EXIT.fine;
}

/** What only makes sense with a cluster at hand. */
function refuseClusterAnswers({
  provider,
  vault,
  servicePrincipal,
  kid,
  url,
  cluster,
  backup,
  image,
  replace,
}: InitOptions): void {
  const given = [provider, vault, servicePrincipal, kid, url, cluster, backup, image, replace];
  if (given.some((value) => value !== undefined))
    throw new UserError('which cluster is it? --context CONTEXT, of your kubeconfig');
}

async function answer(options: InitOptions, edge: Edge): Promise<Answers> {
  const project =
    options.project ?? (await askText({ message: 'Doppler project', initialValue: DEFAULTS.project }, edge));
  const dopplerConfig =
    options.dopplerConfig ?? (await askText({ message: 'Doppler config', initialValue: DEFAULTS.dopplerConfig }, edge));
  const message = 'Kubernetes Secret to write (namespace/name)';
  const secret = options.secret ?? (await askText({ message, initialValue: DEFAULTS.secret }, edge));
  return { project, dopplerConfig, secret: readSecretName(secret), tokenEnv: options.tokenEnv };
}

function starterConfig({ project, dopplerConfig, secret: { namespace, name }, tokenEnv }: Answers): string {
  return `# yaml-language-server: $schema=./${SCHEMA_FILE}
# hikyaku keeps Kubernetes Secrets equal to what you keep in Doppler.
#   hikyaku validate   checks this file     hikyaku plan   says what would happen
#   hikyaku sync       does it once         hikyaku run    keeps doing it

providers:
  homelab: # a name of your choice, used by \`from\` below
    type: doppler
    project: ${scalar(project)}
    config: ${scalar(dopplerConfig)}
    # A read-only service token (dp.st...). Never write it here; name where it is kept:
    token: { env: ${scalar(tokenEnv)} } # or { file: /path } or { secretRef: { name: doppler, key: token } }
    refresh: 1m # one small request; nothing is written when nothing changed

secrets:
  # Everything of the Doppler config, as one Secret for \`envFrom\`.
  - name: ${scalar(name)}
    namespace: ${scalar(namespace)}
    from: homelab

  # Some keys, under names of your choice, in several namespaces:
  # - name: database
  #   namespaces: [web, worker]
  #   from: homelab
  #   data:
  #     password: DB_PASSWORD
  #     host: { key: DB_JSON, property: connection.host }
  #     ca.crt: { key: CA_BASE64, decode: base64 }

  # Whatever matches, renamed:
  # - name: mail
  #   namespace: web
  #   dataFrom:
  #     - { from: homelab, keys: ["MAIL_*", "!MAIL_OLD*"], transform: lower-kebab }
`;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
