import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { formatGrants, formatProblems, jsonSchema, parseConfig } from '@hikyaku/config';
import type { Config } from '@hikyaku/config';
import { isPostQuantum, seal, SealedError } from '@hikyaku/sealing';
import { bindingOfCredential } from '../credentials/binding-of-credential.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { DEFAULT_NAMESPACE } from '../global-options.ts';
import { needsOf } from '../grants/needs.ts';
import { grantsOfFile, ownGrants, ownGrantsSay } from '../manifests/cluster-grants.ts';
import { installOf } from '../manifests/install-of.ts';
import { DEFAULT_IMAGE } from '../manifests/install.ts';
import { ALL_FILES, kustomizeFiles } from '../manifests/kustomize-files.ts';
import { styleFor } from '../output/style.ts';
import { builtInTypes, loadAllBuiltIn, loadBuiltIn } from '../providers.ts';
import { sealRecipients } from '../sealing/recipients-for.ts';
import type { RecipientKeys } from '../sealing/recipients-for.ts';
import { aboutToSeal } from '../sealing/seal-text.ts';
import { findCredential } from '../sealing/sealed-fields.ts';
import { UserError } from '../user-error.ts';
import { readValue } from '../writing/read-value.ts';
import { addCluster } from './add-cluster.ts';
import { askCluster, askSource } from './answers.ts';
import { unasked } from './ask.ts';
import { backupKey } from './backup-key.ts';
import { installHook, wantsHook } from './commit-hook.ts';
import { ClusterToBe } from './cluster-to-be.ts';
import { clusterConfig, SCHEMA_FILE, SOURCE } from './config-text.ts';
import type { ClusterConfig } from './config-text.ts';
import type { InitOptions } from './init-options.ts';
import { writeNewFiles } from './new-files.ts';
import type { NewFile } from './new-files.ts';
import { nextSteps } from './next-steps.ts';
import { askServicePrincipal, requireServicePrincipal } from './service-principal.ts';

const NOT_YET = '-----BEGIN AGE ENCRYPTED FILE-----\n';

/**
 * Makes the identity of a cluster, seals the token to it, and writes config, grants and install files: one commit. Where the config is there
 * already, the cluster is added to it. Nothing secret is written below the folder of the config, and no file when a step fails.
 */
export async function initCluster(options: InitOptions, edge: Edge): Promise<ExitCode> {
  const { config: path, force = false, yes = false } = options;
  if ((options.namespace ?? DEFAULT_NAMESPACE) !== DEFAULT_NAMESPACE)
    throw new UserError(
      `the install files are for the namespace ${DEFAULT_NAMESPACE}, which the policies name: leave out --namespace`,
    );
  if (!force && (await exists(path))) {
    const exitCode = await addCluster(options, edge);
    if (exitCode === EXIT.fine && options.hook === true) edge.stderr.write(`${(await installHook(path, edge)).text}\n`);
    return exitCode;
  }
  if (options.replace === true) throw new UserError(`there is no ${path} in which a key could be replaced`);
  if (!force) await refuseExisting(path);

  await using cluster = new ClusterToBe(options, edge, DEFAULT_NAMESPACE);
  // Whoever cannot be reached is not worth any question.
  const present = await cluster.read(edge);
  const asked = yes ? unasked(edge) : edge;
  const source = await askSource(options, asked);
  const name = await askCluster(options, cluster.context, asked);
  const backup = await backupKey(options, asked);
  if (backup !== undefined && isPostQuantum(backup.key) !== (present?.keys.some(isPostQuantum) ?? false))
    throw new UserError(
      `your own key and that of ${name} are of two kinds, post-quantum and not, which cannot be used together: give another one with --backup`,
    );
  const hook = await wantsHook(options, asked);
  const me = name === 'me' ? 'backup' : 'me';
  const backups: readonly RecipientKeys[] =
    backup === undefined ? [] : [{ name: me, keys: [backup.key], backup: true }];

  const draft: ClusterConfig = {
    source,
    ...(options.url !== undefined && { url: options.url }),
    recipients: backups,
    sealed: NOT_YET,
    servicePrincipal: { id: '0', kid: { [me]: '0' } },
  };
  const token = await readToken(draft, [{ name, keys: [], backup: false }, ...backups], options, edge);
  if (source.type === 'sakura') requireServicePrincipal(options);

  const identity = await cluster.ensure(edge, yes);
  const recipients = [{ name, keys: identity.keys, backup: false }, ...backups];
  const servicePrincipal =
    source.type === 'sakura'
      ? await askServicePrincipal(await cluster.signingKey(edge), name, options, asked)
      : draft.servicePrincipal;
  const whole = { ...draft, recipients, servicePrincipal };
  const sealed =
    token === undefined ? NOT_YET : await sealToken(token, await checked(path, clusterConfig(whole)), recipients);
  const files = await filesOf(path, clusterConfig({ ...whole, sealed }), options.image ?? DEFAULT_IMAGE);

  edge.signal.throwIfAborted();
  await writeNewFiles([...(backup?.file ? [backup.file] : []), ...files], { force });
  const hooked = hook ? await installHook(path, edge) : undefined;
  const { stdout } = edge;
  stdout.write(
    nextSteps(
      {
        options: { ...options, context: cluster.context },
        recipients,
        made: identity.made,
        sealed: token !== undefined,
        files: files.map((file) => file.path),
        image: options.image,
        ...(hooked !== undefined && { hook: hooked }),
        ...(backup?.file && { keyFile: backup.file.path }),
      },
      styleFor(edge, stdout),
    ),
  );
  return EXIT.fine;
}

/** Of Doppler; says before where it will be sent, and who opens it. */
async function readToken(
  draft: ClusterConfig,
  recipients: readonly RecipientKeys[],
  options: InitOptions,
  edge: Edge,
): Promise<Awaited<ReturnType<typeof readValue>> | undefined> {
  const config = await checked(options.config, clusterConfig(draft));
  if (draft.source.type !== 'doppler') return undefined;
  const { stderr } = edge;
  const place = findCredential(config, `${SOURCE}.token`, { config: options.config });
  const binding = await bindingOfCredential(place.source, place.field);
  stderr.write(aboutToSeal(place, binding, recipients, styleFor(edge, stderr)));
  const token = await readValue('the read-only service token', { allowEmpty: true, otherWays: 'a pipe' }, edge);
  if (token.byteLength === 0)
    throw new UserError(
      'the token is empty: nothing was written. Give it on standard input; or take --provider later, and hikyaku seal',
    );
  return token;
}

async function sealToken(
  token: Awaited<ReturnType<typeof readValue>>,
  config: Config,
  recipients: readonly RecipientKeys[],
): Promise<string> {
  const { source, field } = findCredential(config, `${SOURCE}.token`, { config: '' });
  const binding = await bindingOfCredential(source, field);
  try {
    return await seal(token, { recipients: sealRecipients(recipients), binding, now: Date.now() });
  } catch (error) {
    if (error instanceof SealedError) throw new UserError(`${error.message}; no file was written`, EXIT.failed);
    throw error;
  }
}

async function filesOf(path: string, text: string, image: string): Promise<readonly NewFile[]> {
  const config = await checked(path, text);
  const grants = ownGrants(needsOf(config, path, []));
  const schema = `${JSON.stringify(jsonSchema(await loadAllBuiltIn()), null, 2)}\n`;
  const files = { files: [{ path, text }], problems: [] };
  const install = await installOf({ path, files, config }, { settings: {}, image, grants: grantsOfFile(grants) });
  return [
    { path, text },
    ...[
      { path: SCHEMA_FILE, text: schema },
      {
        path: 'grants.yaml',
        text: `# ${ownGrantsSay(path)}, by hikyaku init. Yours to change.\n${formatGrants(grants)}`,
      },
      ...kustomizeFiles(install, resolve(dirname(path))),
    ].map((file) => ({ ...file, path: join(dirname(path), file.path) })),
  ];
}

async function checked(path: string, text: string): Promise<Config> {
  const result = await parseConfig([{ path, text }], { providers: { types: builtInTypes, load: loadBuiltIn } });
  if (result.ok) return result.config;
  throw new UserError(`these answers make no config:\n${formatProblems(result.problems)}`);
}

async function refuseExisting(config: string): Promise<void> {
  const paths = [SCHEMA_FILE, 'grants.yaml', ...ALL_FILES].map((name) => join(dirname(config), name));
  const found: string[] = [];
  for (const path of paths) if (await exists(path)) found.push(path);
  if (found.length > 0)
    throw new UserError(
      `${found.join(', ')} ${found.length === 1 ? 'is' : 'are'} there already; --force writes over, --config names another folder`,
    );
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
