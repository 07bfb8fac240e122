import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import {
  allowMissingPolicy,
  contexts,
  globalOptions,
  identity,
  identitySecret,
  image,
  listenAddress,
  noQuestion,
  plugin,
  sourceOptions,
  timeout,
  yes,
  yesToKeys,
} from './cli-options.ts';
import { grouped, groupsInOrder } from './command-groups.ts';
import type { ApproveOptions } from './commands/approve.ts';
import type { ConformanceOptions } from './commands/conformance.ts';
import type { DoctorCommandOptions } from './commands/doctor.ts';
import type { EditOptions } from './commands/edit.ts';
import type { ExposureOptions } from './commands/exposure.ts';
import type { GrantsOptions } from './commands/grants.ts';
import type { IdentityCommandOptions } from './commands/identity.ts';
import type { LintOptions } from './commands/lint.ts';
import type { ListOptions } from './commands/list.ts';
import type { ManifestsOptions } from './commands/manifests.ts';
import type { PlanAgainstOptions } from './commands/plan-against.ts';
import type { PlanCommandOptions } from './commands/plan.ts';
import type { AddRecipientOptions, NewRecipientOptions, RemoveRecipientOptions } from './commands/recipients.ts';
import type { RefreshOptions } from './commands/refresh.ts';
import type { ReleaseCommandOptions } from './commands/release.ts';
import type { RewrapCommandOptions } from './commands/rewrap.ts';
import type { RoleOptions } from './commands/rights.ts';
import type { RunOptions } from './daemon/run-options.ts';
import type { SchemaOptions } from './commands/schema.ts';
import type { SealCommandOptions } from './commands/seal.ts';
import type { SetOptions } from './commands/set.ts';
import type { StatusOptions } from './commands/status.ts';
import type { SyncOptions } from './commands/sync.ts';
import type { UnsealOptions } from './commands/unseal.ts';
import type { UnsetOptions } from './commands/unset.ts';
import type { Edge } from './edge.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { PROVIDER_CHOICES } from './init/init-options.ts';
import type { InitOptions } from './init/init-options.ts';
import type { LoadConfigOptions } from './load-config-file.ts';
import { settingOptions } from './manifests/settings.ts';
import { hasColors } from './output/style.ts';
import { UserError } from './user-error.ts';
import { version } from './version.ts';

/** Runs one command line; each command's code is loaded only when it is called. Throws UserError, ConfigError, KubeError, TargetError. */
export async function runCommandLine(args: readonly string[], edge: Edge): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.fine;
  const program = createProgram(edge, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has printed it.
    return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  }
  return exitCode;
}

function createProgram(edge: Edge, setExitCode: (code: ExitCode) => void): Command {
  const program = new Command('hikyaku')
    .description('Keeps Kubernetes Secrets equal to what you keep elsewhere.')
    .version(version, '-v, --version')
    .showHelpAfterError('(hikyaku --help shows how)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => edge.stdout.write(text),
      writeErr: (text) => edge.stderr.write(text),
      getOutHasColors: () => hasColors(edge.env, edge.stdout),
      getErrHasColors: () => hasColors(edge.env, edge.stderr),
    })
    .configureHelp({ showGlobalOptions: true, ...groupsInOrder })
    .addHelpText('after', EXAMPLES);
  for (const option of globalOptions()) program.addOption(option);

  command('run', 'keep the Secrets equal to their sources, until SIGTERM', sourceOptions())
    .addOption(allowMissingPolicy())
    .addOption(yes())
    .addOption(identitySecret())
    .option('--config-map', 'read the config from the ConfigMap hikyaku-config, through the API')
    .option('--leader-election', 'one of several replicas works, the others wait')
    .addOption(listenAddress('--health', 'answer probes there, /healthz and /readyz, and Prometheus, /metrics'))
    .addOption(listenAddress('--receiver', 'take notices of changes (webhooks) there: /notices/SOURCE'))
    .addOption(listenAddress('--page', 'show a status page there; with a port alone to this machine only'))
    .addHelpText(
      'after',
      '\nA config that changes is taken without a restart; one that is broken is refused, and the last good one goes on.\n\nExamples:\n  hikyaku run --config hikyaku.yaml --log-level debug\n  hikyaku run --config-map --leader-election --health 8081\n  hikyaku run --receiver 8082',
    )
    .action(async (_, self: Command) => {
      const { run } = await import('./commands/run.ts');
      setExitCode(await run(optionsOf<RunOptions>(self), edge));
    });
  command('sync', 'write what differs, once, now', [...sourceOptions(), identity()])
    .option('--approve', 'let removals through that are held because too much would go')
    .addOption(allowMissingPolicy())
    .addOption(yes())
    .addHelpText(
      'after',
      '\nExamples:\n  hikyaku sync --context home\n  hikyaku sync --approve     # after `hikyaku plan` has shown what would go',
    )
    .action(async (_, self: Command) => {
      const { sync } = await import('./commands/sync.ts');
      setExitCode(await sync(optionsOf<SyncOptions>(self), edge));
    });
  command('plan', 'say what sync would do; write nothing', [...sourceOptions(), identity()])
    .addOption(contexts())
    .option('--exit-code', 'exit with 3 when there are changes')
    .option(
      '--against <revision>',
      'say what the config and grants.yaml let through that they did not in this git revision; ask nobody',
    )
    .addOption(allowMissingPolicy())
    .addHelpText(
      'after',
      '\nExamples:\n  hikyaku plan\n  hikyaku plan --json | jq ".secrets[] | select(.action != \\"keep\\")"\n  hikyaku plan --contexts home,cabin\n  hikyaku plan --against origin/main',
    )
    .action(async (_, self: Command) => {
      const options = optionsOf<{ readonly against?: string; readonly contexts?: readonly string[] }>(self);
      const { against } = options;
      if (against !== undefined) {
        if (options.contexts !== undefined) throw new UserError('--against asks no cluster: leave --contexts out');
        const { planAgainst } = await import('./commands/plan-against.ts');
        setExitCode(await planAgainst(optionsOf<PlanAgainstOptions>(self), edge));
        return;
      }
      const { plan } = await import('./commands/plan.ts');
      setExitCode(await plan(optionsOf<PlanCommandOptions>(self), edge));
    });
  command('validate', 'check the config file alone; ask nobody')
    .addOption(plugin())
    .option('--no-plugins', 'run no code of plug-ins; their settings are not checked')
    .addHelpText('after', '\nExample:\n  hikyaku validate --config clusters/home/')
    .action(async (_, self: Command) => {
      const { validate } = await import('./commands/validate.ts');
      setExitCode(await validate(optionsOf<LoadConfigOptions>(self), edge));
    });
  command('seal', 'seal a credential into the config; no key is needed')
    .argument('<path>', 'of the credential: providers.NAME.token, or NAME.token')
    .allowExcessArguments()
    .option('--cluster <name>', 'a value of its own for this cluster')
    .option('--from-file <path>', 'take the value from a file, byte for byte; `-` is standard input')
    .option('--print', 'print what would be written, and leave the file as it is')
    .option('--replace', 'put one value for all in the place of one for each cluster, or the other way round')
    .addOption(identity('to see whether the value is the same as before'))
    .addOption(plugin())
    .addHelpText(
      'after',
      '\nThe value is asked for and not shown, or comes from a pipe (without its last line break) or a file; never from an argument,\nwhich the history and the process list would keep. It can only be sent where the config sends it now, and opened by those\nunder `recipients:`. More: docs/seal.md\n\nExamples:\n  hikyaku seal providers.doppler.token\n  pass doppler/home | hikyaku seal doppler.token --cluster home\n  hikyaku seal nas.headers.X-Api-Key --print',
    )
    .action(async (path: string, _, self: Command) => {
      // commander would repeat it.
      if (self.args.length > 1) throw new UserError(VALUE_IN_ARGUMENT);
      const { seal } = await import('./commands/seal.ts');
      setExitCode(await seal(path, optionsOf<SealCommandOptions>(self), edge));
    });
  command('unseal', 'open one sealed credential; for the day when nothing else is left')
    .argument('<path>', 'of the credential: providers.NAME.token, or NAME.token')
    .option('--cluster <name>', 'the value of this cluster, where each has its own')
    .option('--show', 'show it, also on a terminal')
    .addOption(identity())
    .addOption(plugin())
    .addHelpText(
      'after',
      `\nWhat it is bound to is said, and not checked. Without hikyaku: age -d -i key.txt, of the text behind sealed.\n\n${KEYS}\n\nExamples:\n  hikyaku unseal doppler.token | wl-copy\n  hikyaku unseal doppler.token --context home --show`,
    )
    .action(async (path: string, _, self: Command) => {
      const { unseal } = await import('./commands/unseal.ts');
      setExitCode(await unseal(path, optionsOf<UnsealOptions>(self), edge));
    });
  command('rewrap', 'seal what is sealed anew, for those who are recipients now')
    .argument('[paths...]', 'only these credentials; all by default')
    .addOption(identity())
    .addOption(yesToKeys())
    .addOption(plugin())
    .addHelpText(
      'after',
      `\nValues, and what they are bound to, stay. All of it is done or nothing. Where everything is right already, nothing changes.\n\n${KEYS}\n\nExamples:\n  hikyaku rewrap\n  hikyaku rewrap doppler.token --identity key.txt`,
    )
    .action(async (paths: readonly string[], _, self: Command) => {
      const { rewrap } = await import('./commands/rewrap.ts');
      setExitCode(await rewrap(paths, optionsOf<RewrapCommandOptions>(self), edge));
    });
  const recipients = command('recipients', 'say who can open what is sealed, and change it')
    .addOption(plugin())
    .addHelpText(
      'after',
      '\nWithout a further word: who can open what. No key is needed for that.\n\nExamples:\n  hikyaku recipients\n  hikyaku recipients add cabin --context cabin\n  hikyaku recipients rm cabin',
    )
    .action(async (_, self: Command) => {
      const { recipients: list } = await import('./commands/recipients.ts');
      setExitCode(await list(optionsOf<LoadConfigOptions>(self), edge));
    });
  recipients
    .command('add')
    .description('let a cluster, or a person, open what is sealed')
    .argument('<name>', 'a name of your choice')
    .argument('[key]', 'its public key (age1…); read from the cluster behind --context by default')
    .option('--backup', "a person's key, and no cluster")
    .option('--replace', 'in the place of the key that it has now')
    .addOption(identity())
    .addOption(yesToKeys())
    .addHelpText(
      'after',
      `\nEverything is sealed anew, so that it can open it; nothing is written when a step fails.\n\n${KEYS}\n\nExamples:\n  hikyaku recipients add cabin --context cabin\n  hikyaku recipients add cabin age1…              # as the log of its agent says it\n  hikyaku recipients add me age1… --backup`,
    )
    .action(async (name: string, key: string | undefined, _, self: Command) => {
      const { add } = await import('./commands/recipients.ts');
      setExitCode(await add(name, key, optionsOf<AddRecipientOptions>(self), edge));
    });
  recipients
    .command('new')
    .description('make the identity of a cluster that is still to come, and print it')
    .argument('<name>', 'a name of your choice')
    .addOption(
      new Option('--format <format>', 'a Secret to apply, a file for k3s, or a patch for Talos').choices([
        'secret',
        'k3s',
        'talos',
      ]),
    )
    .option('--backup', "a person's key, printed as a file of age-keygen")
    .option('--replace', 'in the place of the key that it has now')
    .option('--show', 'print it, also on a terminal')
    .addOption(identity())
    .addOption(yesToKeys())
    .addHelpText(
      'after',
      `\nThe private key is printed once and kept nowhere. Its public key goes into the config, and everything is sealed anew.\n\n${KEYS}\n\nExamples:\n  hikyaku recipients new lab | kubectl --context lab create -f -\n  hikyaku recipients new lab --format talos > lab-identity.patch.yaml     # not for Git\n  (umask 077; mkdir -p ~/.config/sops/age; hikyaku recipients new me --backup >> ~/.config/sops/age/keys.txt)`,
    )
    .action(async (name: string, _, self: Command) => {
      const { make } = await import('./commands/recipients.ts');
      setExitCode(await make(name, optionsOf<NewRecipientOptions>(self), edge));
    });
  recipients
    .command('rm')
    .description('let a cluster, or a person, open nothing any more')
    .argument('<name>', 'a name under `recipients:`')
    .addOption(identity())
    .addOption(yesToKeys())
    .addHelpText(
      'after',
      `\nWhat it could open stays in the history of Git: what has to be replaced, and where, is printed.\n\n${KEYS}\n\nExample:\n  hikyaku recipients rm cabin`,
    )
    .action(async (name: string, _, self: Command) => {
      const { remove } = await import('./commands/recipients.ts');
      setExitCode(await remove(name, optionsOf<RemoveRecipientOptions>(self), edge));
    });
  command('lint', 'check what is sealed, and for whom; no key is needed')
    .option(
      '--against <revision>',
      'say what has changed since this git revision, too: who can open what, and where it goes',
    )
    .option('--exit-code', 'with --against: exit with 3 when something has changed')
    .addOption(contexts())
    .addOption(plugin())
    .option('--no-plugins', 'run no code of plug-ins; what is sealed for them is not checked')
    .addHelpText(
      'after',
      '\nE is an error (exit code 1), W a warning. What each means, and how to use it in CI: docs/lint.md\n\nExamples:\n  hikyaku lint\n  hikyaku lint --config clusters/ --against origin/main\n  hikyaku lint --contexts home,cabin     # what each of them uses\n  hikyaku lint --json | jq -r ".findings[] | .code"',
    )
    .action(async (_, self: Command) => {
      const { lint } = await import('./commands/lint.ts');
      setExitCode(await lint(optionsOf<LintOptions>(self), edge));
    });
  command('exposure', 'list what a cluster can read, or could: what to do when it is stolen')
    .argument('<cluster>', 'a name under `recipients:`, also one that was removed')
    .addOption(plugin())
    .option('--no-plugins', 'run no code of plug-ins')
    .addHelpText(
      'after',
      '\nA checklist in Markdown, to paste into an issue; there is no value in it. No key is needed.\n\nExamples:\n  hikyaku exposure cabin\n  hikyaku exposure cabin --json | jq -r ".sources[].name"',
    )
    .action(async (cluster: string, _, self: Command) => {
      const { exposure } = await import('./commands/exposure.ts');
      setExitCode(await exposure(cluster, optionsOf<ExposureOptions>(self), edge));
    });
  const identityCommand = command('identity', "show a cluster's public key, and whether anything can be sealed to it")
    .addOption(plugin())
    .addHelpText(
      'after',
      '\nAll of it is done with your own kubeconfig. How a key is replaced: docs/lint.md\n\nExamples:\n  hikyaku identity --context home\n  hikyaku identity rotate --context home     # a second key\n  hikyaku identity prune --context home      # later: drop the first one',
    )
    .action(async (_, self: Command) => {
      const { identity: show } = await import('./commands/identity.ts');
      setExitCode(await show(optionsOf<IdentityCommandOptions>(self), edge));
    });
  identityCommand
    .command('rotate')
    .description('add a second key to the identity of a cluster, and to `recipients`; drops nothing')
    .addHelpText(
      'after',
      '\nAfterwards: hikyaku rewrap, commit, push. The agent takes the new key by itself. May be run again where it was interrupted.\nThis is for a key that may leak later. What somebody could open already has to be replaced: docs/lint.md\n\nExample:\n  hikyaku identity rotate --context cabin',
    )
    .action(async (_, self: Command) => {
      const { rotateIdentity } = await import('./commands/identity.ts');
      setExitCode(await rotateIdentity(optionsOf<IdentityCommandOptions>(self), edge));
    });
  identityCommand
    .command('prune')
    .description('drop the older keys of a cluster, when its newest opens everything')
    .option('-y, --yes', 'drop them without asking')
    .addHelpText(
      'after',
      '\nEvery sealed value of the config is tried with the newest key first; nothing is dropped that still opens something alone.\n\nExample:\n  hikyaku identity prune --context cabin',
    )
    .action(async (_, self: Command) => {
      const { pruneIdentity } = await import('./commands/identity.ts');
      setExitCode(await pruneIdentity(optionsOf<IdentityCommandOptions>(self), edge));
    });
  command('grants', 'print the smallest grants.yaml with which the config works in a cluster')
    .option('--config-map', 'print the ConfigMap hikyaku-grants, to apply')
    .addOption(plugin())
    .addHelpText(
      'after',
      '\nWho approves what the agent may do reads it, and keeps it beside the config or in a place of their own: docs/grants.md\n\nExamples:\n  hikyaku grants > grants.yaml\n  hikyaku grants --config clusters/home/ --config-map | kubectl apply -f -',
    )
    .action(async (_, self: Command) => {
      const { grants } = await import('./commands/grants.ts');
      setExitCode(await grants(optionsOf<GrantsOptions>(self), edge));
    });
  command('manifests', 'print all that a cluster needs to run the agent with the config, or keep it in a folder', [
    ...settingOptions(),
    plugin(),
  ])
    .addOption(image('of the agent'))
    .option('--kustomize <dir>', 'write files there for kubectl apply -k, Flux or Argo CD')
    .option('--check', 'write nothing; exit with 1 where the files in the folder would be written otherwise')
    .option('--force', 'write over files of others')
    .addHelpText(
      'after',
      '\nNobody is asked, and nothing is secret in it. The grants are those of grants.yaml beside the config, else what the config\nneeds, and with --rights own any Secret of the ordinary types.\nFlags and the image are remembered in the folder: say only what changes. More: docs/manifests.md\n\nExamples:\n  hikyaku manifests --image registry.example/hikyaku:0.1.0 | kubectl apply -f -\n  hikyaku manifests --kustomize . --replicas 2 --network-policy\n  hikyaku manifests --kustomize . --image registry.example/hikyaku:0.2.0     # an upgrade: one file changes\n  hikyaku manifests --check',
    )
    .action(async (_, self: Command) => {
      const { manifests } = await import('./commands/manifests.ts');
      setExitCode(await manifests(optionsOf<ManifestsOptions>(self), edge));
    });
  const rightsCommand = command('rights', 'explain what the agent may do and why, to whoever approves it')
    .addOption(plugin())
    .addHelpText(
      'after',
      '\nWith the grants of a cluster (--context), else with those beside the config. Each statement is proven by a test on a real API\nserver: docs/rights.md\n\nExamples:\n  hikyaku rights\n  hikyaku rights --context home\n  hikyaku rights --json | jq -r ".statements[] | .id"',
    )
    .action(async (_, self: Command) => {
      const { rights } = await import('./commands/rights.ts');
      setExitCode(await rights(optionsOf<LoadConfigOptions>(self), edge));
    });
  rightsCommand
    .command('role')
    .description('print the Role and RoleBinding for one Secret')
    .argument('<namespace/name>', 'of the Secret')
    .option('--read', 'to use it as a source, or as a credential')
    .option('--watch', 'to push it, or to repair it at once')
    .option('--merge', "to write keys of the agent's own into it; a label of the owner is needed too")
    .addHelpText(
      'after',
      '\nExamples:\n  hikyaku rights role web/app-env --watch | kubectl apply -f -\n  hikyaku rights role web/app-env --merge',
    )
    .action(async (secret: string, _, self: Command) => {
      const { role } = await import('./commands/rights.ts');
      setExitCode(role(secret, optionsOf<RoleOptions>(self), edge));
    });
  command('status', 'show the state of every source and Secret, as the running agent says it')
    .argument('[what]', 'a source, or NAMESPACE/NAME of a Secret: all that is known of it')
    .addOption(contexts())
    .option('-w, --watch', 'go on, and show every change')
    .addOption(timeout('5s'))
    .addHelpText(
      'after',
      '\nIt is read from an object in the namespace of the agent, with your own rights, after the agent was asked to bring it up to date.\nExit code 1 when something is not well, also when no agent answers. No config is needed: docs/status.md\n\nExamples:\n  hikyaku status --context home\n  hikyaku status --contexts home,cabin\n  hikyaku status web/app-env\n  hikyaku status --watch\n  hikyaku status --json | jq ".clusters[].secrets[] | select(.ok | not)"',
    )
    .action(async (what: string | undefined, _, self: Command) => {
      const { status } = await import('./commands/status.ts');
      setExitCode(await status(what, optionsOf<StatusOptions>(self), edge));
    });
  command('doctor', 'look at all that could be wrong, and say what to do about it', [...sourceOptions(), identity()])
    .addOption(contexts())
    .option('--config-map', 'in the pod: take the config out of the ConfigMap hikyaku-config')
    .addOption(timeout('10s', 'how long each check may take'))
    .addHelpText(
      'after',
      '\nIt looks at the config, the cluster, the install, the rights, the grants, the credentials, the sources and the agent, with your own\nrights or, in the pod, with those of the agent. Nothing is changed, and no value is shown. ✗ is a problem (exit code 1), ! a warning,\n· a note. What each finding means: docs/doctor.md\n\nExamples:\n  hikyaku doctor --context home\n  hikyaku doctor --contexts home,cabin\n  hikyaku doctor --json | jq -r ".findings[] | select(.severity == \\"problem\\") | .command"\n  kubectl exec -n hikyaku deploy/hikyaku -- node /app/hikyaku.js doctor --config /config/hikyaku.yaml',
    )
    .action(async (_, self: Command) => {
      const { doctor } = await import('./commands/doctor.ts');
      setExitCode(await doctor(optionsOf<DoctorCommandOptions>(self), edge));
    });
  command('refresh', 'have the running agent read its sources again now, and wait for it')
    .argument('[what]', 'a source, or NAMESPACE/NAME of a Secret; everything by default')
    .addOption(timeout('120s'))
    .addHelpText(
      'after',
      '\nIt is asked by an object in its namespace, with your own rights; no config is needed: docs/status.md\n\nExamples:\n  hikyaku refresh --context home\n  hikyaku refresh homelab\n  hikyaku refresh web/app-env     # its sources, and it is put right too',
    )
    .action(async (what: string | undefined, _, self: Command) => {
      const { refresh } = await import('./commands/refresh.ts');
      setExitCode(await refresh(what, optionsOf<RefreshOptions>(self), edge));
    });
  command('approve', 'let go what the running agent holds back, exactly as it is shown')
    .argument('<what>', 'a source, push:SOURCE, or config')
    .addOption(timeout('60s'))
    .option('-y, --yes', 'approve without asking')
    .addHelpText(
      'after',
      '\nIf something else would go by then, nothing does. An approval counts once, and for 10 minutes: docs/holds.md\n\nExamples:\n  hikyaku approve homelab --context home     # keys that homelab has lost\n  hikyaku approve config                     # Secrets whose entries are gone',
    )
    .action(async (what: string, _, self: Command) => {
      const { approve } = await import('./commands/approve.ts');
      setExitCode(await approve(what, optionsOf<ApproveOptions>(self), edge));
    });
  command('release', 'take Secrets away from the agent: its label goes, the data stays')
    .argument('[secrets...]', 'NAMESPACE/NAME of each')
    .option('--all', 'every Secret of the cluster that carries a label of the agent')
    .option('--dry-run', 'only say what would be released')
    .option('-y, --yes', 'release without asking')
    .addHelpText(
      'after',
      '\nThis is done with your own kubeconfig; no agent and no config is needed, and nobody reads the data. A running agent refuses these\nSecrets from then on, and never deletes them. Before and after uninstalling: docs/leave.md\n\nExamples:\n  hikyaku release web/app-env --context home\n  hikyaku release --all --dry-run\n  hikyaku release --all --context home',
    )
    .action(async (secrets: readonly string[], _, self: Command) => {
      const { release } = await import('./commands/release.ts');
      setExitCode(await release(secrets, optionsOf<ReleaseCommandOptions>(self), edge));
    });
  command('schema', 'print the JSON Schema of the config file, for editors')
    .option('--grants', 'of grants.yaml instead')
    .addHelpText(
      'after',
      '\nExamples:\n  hikyaku schema > hikyaku.schema.json\n  hikyaku schema --grants > grants.schema.json',
    )
    .action(async (_, self: Command) => {
      const { schema } = await import('./commands/schema.ts');
      setExitCode(await schema(optionsOf<SchemaOptions>(self), edge));
    });
  command('init', 'write a config to start from; with --context all that a cluster needs, the token sealed')
    .option('--project <name>', 'Doppler project')
    .option('--doppler-config <name>', 'Doppler config')
    .option('--secret <namespace/name>', 'the Secret to write')
    .option('--token-env <name>', 'without --context: the environment variable that holds the token', 'DOPPLER_TOKEN')
    .addOption(new Option('--provider <kind>', 'with --context: where the secrets are kept').choices(PROVIDER_CHOICES))
    .option('--vault <id>', 'of SAKURA: 12 digits')
    .option('--service-principal <id>', "of SAKURA: whoever signs with the cluster's key")
    .option('--kid <id>', "of SAKURA: what it calls the cluster's public key")
    .option('--url <url>', 'of the service, where it is not the usual one')
    .option('--cluster <name>', 'what to call the cluster; its context by default')
    .option(
      '--backup <key>',
      'your own public key (age1…), or the file with your identity, which is made where it is missing',
    )
    .option('--no-backup', 'go without a key of your own')
    .addOption(image('of the agent, for the install files'))
    .option(
      '--hook',
      'have a hook of this clone check the install files before each commit; without --context: only that',
    )
    .option('-y, --yes', 'make the namespace, add the key and take what is usual without asking')
    .addOption(identity())
    .option('--replace', 'the cluster was built anew: its new key in the place of the old one')
    .option('--force', 'write over files that are there')
    .addHelpText(
      'after',
      `\nWith --context it makes the identity of that cluster by your kubeconfig, seals the token (asked for, or on standard input) to it and\nto your own key, and writes config, grants and install files, to be committed as they are. Where the config is there, the cluster is\nadded to it. More: docs/secret-zero.md\n\n${KEYS}\n\nExamples:\n  hikyaku init\n  hikyaku init --project homelab --doppler-config prd --secret web/app-env\n  hikyaku init --context home\n  pass doppler/homelab | hikyaku init --context home --yes --project homelab --secret web/app-env\n  hikyaku init --context cabin     # a second cluster`,
    )
    .action(async (_, self: Command) => {
      const { init } = await import('./commands/init.ts');
      setExitCode(await init(optionsOf<InitOptions>(self), edge));
    });
  command('list', 'list what a source holds; names and versions', [...sourceOptions(), identity()])
    .argument('<source>', 'a name under `providers:`')
    .option('--reveal', 'show the values too')
    .addHelpText(
      'after',
      '\nExamples:\n  hikyaku list homelab\n  hikyaku list homelab --json | jq -r ".secrets[].name"',
    )
    .action(async (source: string, _, self: Command) => {
      const { list } = await import('./commands/list.ts');
      setExitCode(await list(source, optionsOf<ListOptions>(self), edge));
    });
  command('set', 'make or change one secret of a source', [...sourceOptions(), identity()])
    .argument('<source>', 'a name under `providers:`')
    .argument('<name>', 'of the secret', secretName)
    .allowExcessArguments()
    .option('--from-file <path>', 'take the value from a file, byte for byte; `-` is standard input')
    .option('--allow-empty', 'the value may be empty')
    .addOption(noQuestion())
    .addHelpText(
      'after',
      '\nThe value is asked for and not shown, or comes from a pipe (without its last line break) or a file; never from an argument,\nwhich the history and the process list would keep.\n\nExamples:\n  hikyaku set homelab DB_PASSWORD\n  openssl rand -hex 32 | hikyaku set homelab DB_PASSWORD\n  hikyaku set homelab TLS_KEY --from-file tls.key',
    )
    .action(async (source: string, name: string, _, self: Command) => {
      // commander would repeat it.
      if (self.args.length > 2) throw new UserError(VALUE_IN_ARGUMENT);
      const { set } = await import('./commands/set.ts');
      setExitCode(await set(source, name, optionsOf<SetOptions>(self), edge));
    });
  command('unset', 'remove secrets from a source', [...sourceOptions(), identity()])
    .argument('<source>', 'a name under `providers:`')
    .argument('<names...>', 'of the secrets', secretNames)
    .addOption(noQuestion())
    .addHelpText('after', '\nExample:\n  hikyaku unset homelab OLD_TOKEN OLDER_TOKEN')
    .action(async (source: string, names: readonly string[], _, self: Command) => {
      const { unset } = await import('./commands/unset.ts');
      setExitCode(await unset(source, names, optionsOf<UnsetOptions>(self), edge));
    });
  command('edit', 'change several secrets of a source in your editor', [...sourceOptions(), identity()])
    .argument('<source>', 'a name under `providers:`')
    .argument('[names...]', 'only these secrets; all by default', secretNames)
    .addOption(noQuestion())
    .addHelpText(
      'after',
      '\nThe editor is $VISUAL, $EDITOR or vi. The file is in memory where the machine offers that. What would change is shown, and\nwritten when you say yes.\n\nExamples:\n  hikyaku edit homelab\n  EDITOR="code --wait" hikyaku edit homelab DB_USER DB_PASSWORD',
    )
    .action(async (source: string, names: readonly string[], _, self: Command) => {
      const { edit } = await import('./commands/edit.ts');
      setExitCode(await edit(source, names, optionsOf<EditOptions>(self), edge));
    });
  command('conformance', 'check a service that speaks the hikyaku protocol')
    .argument('<url>', 'where it is: the part of its addresses before `/v1`')
    .option('--token-env <name>', 'the environment variable that holds its token', 'HIKYAKU_PROTOCOL_TOKEN')
    .option('--ca <path>', 'a PEM file with the certificates to trust')
    .option('--present <name>', 'a secret that is there to be read (default: the first in its list)')
    .option(
      '--write',
      'check writes too: makes, changes and removes secrets whose names begin with hikyaku-conformance-',
    )
    .addHelpText(
      'after',
      '\nWhat was made is removed at the end, also after Ctrl-C.\n\nExamples:\n  hikyaku conformance http://127.0.0.1:8080 --write\n  HIKYAKU_PROTOCOL_TOKEN=… hikyaku conformance https://nas.lan --json | jq .failed',
    )
    .action(async (url: string, _, self: Command) => {
      const { conformance } = await import('./commands/conformance.ts');
      setExitCode(await conformance(url, optionsOf<ConformanceOptions>(self), edge));
    });
  return program;

  function command(name: string, summary: string, options: readonly Option[] = []): Command {
    const added = grouped(program.command(name).description(summary));
    for (const option of options) added.addOption(option);
    return added;
  }
}

const VALUE_IN_ARGUMENT =
  'a value does not belong on the command line, where the history and the process list keep it: leave it out, and you are asked for it';

const KEYS =
  'The key that opens: --identity, SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD, ~/.config/sops/age/keys.txt, or that of the\ncluster behind --context.';

/** As an unset variable of a script gives. */
function secretName(name: string): string {
  if (name === '') throw new InvalidArgumentError('A secret needs a name.');
  return name;
}

function secretNames(name: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), secretName(name)];
}

function optionsOf<Options>(self: Command): Options {
  return self.optsWithGlobals<Record<string, unknown>>() as Options;
}

const EXAMPLES = `
Examples:
  hikyaku init                      # write a config to start from
  hikyaku plan --context home       # what would happen in that cluster
  hikyaku sync --context home       # do it once
  hikyaku run                       # the daemon: keep doing it
  hikyaku status --context home     # how it goes
  hikyaku edit homelab              # change secrets where they are kept
  hikyaku seal doppler.token        # put a credential into the config, sealed

Exit codes: 0 fine, 1 failed or refused or held, 2 usage or configuration, 3 changes (--exit-code), 130 interrupted.
NO_COLOR turns colours off. In a pod the pod's own account is used.`;
