import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { jsonSchema, parseConfig } from '@hikyaku/config';
import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { styleFor } from '../output/style.ts';
import { builtInTypes, loadAllBuiltIn, loadBuiltIn } from '../providers.ts';
import { TerminalInput } from '../terminal-input.ts';
import { UserError } from '../user-error.ts';

export interface InitOptions extends GlobalOptions {
  readonly project?: string;
  readonly dopplerConfig?: string;
  readonly secret?: string;
  readonly tokenEnv: string;
  readonly force?: boolean;
}

interface Answers {
  readonly project: string;
  readonly dopplerConfig: string;
  readonly namespace: string;
  readonly name: string;
  readonly tokenEnv: string;
}

const DEFAULTS = {
  project: 'homelab',
  dopplerConfig: 'prd',
  secret: 'default/app-env',
} as const;
const SCHEMA_FILE = 'hikyaku.schema.json';

/** Writes a commented config to start from, and the schema that editors complete it by. */
export async function init(options: InitOptions, edge: Edge): Promise<ExitCode> {
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
  const flag = path === 'hikyaku.yaml' ? '' : ` --config ${path}`;
  edge.stdout.write(
    `${style.good('✓')} ${path} and ${schemaPath} written. Next:\n\n` +
      `  export ${answers.tokenEnv}=dp.st...   # a read-only service token of that config\n` +
      `  hikyaku plan${flag}             # what would happen\n` +
      `  hikyaku sync${flag}             # do it\n`,
  );
  return EXIT.fine;
}

async function answer(options: InitOptions, edge: Edge): Promise<Answers> {
  const { tokenEnv } = options;
  const project = options.project ?? (await ask(edge, 'Doppler project', DEFAULTS.project));
  const dopplerConfig = options.dopplerConfig ?? (await ask(edge, 'Doppler config', DEFAULTS.dopplerConfig));
  const secret = options.secret ?? (await ask(edge, 'Kubernetes Secret to write (namespace/name)', DEFAULTS.secret));
  const [namespace = '', name = '', ...rest] = secret.split('/');
  if (namespace === '' || name === '' || rest.length > 0) {
    throw new UserError(
      `a Secret is named namespace/name, such as ${DEFAULTS.secret}; this is ${JSON.stringify(secret)}`,
    );
  }
  return { project, dopplerConfig, namespace, name, tokenEnv };
}

async function ask(edge: Edge, message: string, initialValue: string): Promise<string> {
  if (!isInteractive(edge)) return initialValue;
  const prompts = await import('@clack/prompts');
  using input = new TerminalInput(edge.stdin);
  const text = await prompts.text({
    message,
    initialValue,
    input,
    output: edge.stderr,
    signal: edge.signal,
  });
  if (prompts.isCancel(text)) throw new UserError('interrupted: nothing was written', EXIT.interrupted);
  return text;
}

function starterConfig({ project, dopplerConfig, namespace, name, tokenEnv }: Answers): string {
  // Quoted where YAML could take it for something else.
  const scalar = (text: string) =>
    /^[a-z_][a-z0-9_.-]*$/i.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text)
      ? text
      : JSON.stringify(text);
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
