import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { confirm, isCancel, text } from '@clack/prompts';
import { startDevCluster } from '@hikyaku/devcluster';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { field, hikyaku, Running, startHikyaku } from '@hikyaku/testbed';
import { DemoCluster } from './demo-cluster.ts';
import { Narrator } from './narrator.ts';

const HELP = `npm run demo [-- OPTIONS]
Shows the main job of hikyaku on a real Kubernetes API server, with a fake Doppler.

  --keep            leave everything running at the end, until Ctrl-C
  --context NAME    use your own cluster, in namespaces that it asks about and removes again
  --kubeconfig PATH the kubeconfig of that context
  --namespaces A,B  the agent's namespace and the app's, instead of asking
  --yes             do not ask

Examples:
  npm run demo
  npm run demo -- --keep
  npm run demo -- --context kind-test
`;

const { values: flags } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    context: { type: 'string' },
    kubeconfig: { type: 'string' },
    namespaces: { type: 'string' },
    yes: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (flags.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const SECRETS = { GREETING: 'hello', DB_PASSWORD: 'first-password', DB_JSON: '{"host":"db.lan","port":5432}' };

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(new Error('interrupted')));

const say = new Narrator();
await using cleanup = new AsyncDisposableStack();
const directory = await mkdtemp(join(tmpdir(), 'hikyaku-demo-'));
cleanup.defer(() => rm(directory, { recursive: true, force: true }));
try {
  await demo();
  await cleanup.disposeAsync();
  say.step('Stopped cleanly');
} catch (error) {
  process.exitCode = stop.signal.aborted ? 130 : 1;
  if (!stop.signal.aborted) process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
}

async function demo(): Promise<void> {
  const [agentNamespace, appNamespace] = await chooseNamespaces();
  const { cluster, ownServer } = await openCluster(agentNamespace, appNamespace);
  const configPath = join(directory, 'hikyaku.yaml');

  say.step('A fake Doppler with three secrets, in project homelab, config prd');
  const doppler = cleanup.use(await startFakeDoppler());
  doppler.addConfig('homelab', 'prd', SECRETS);
  const env = {
    DOPPLER_TOKEN: doppler.serviceToken('homelab', 'prd'),
    WEBHOOK_SECRET: randomBytes(24).toString('hex'),
  };
  say.good(`it answers on ${doppler.url}`);

  say.step('The rights: a write-only agent, enforced by the API server');
  say.command('kubectl apply -f deploy/rights-own.yaml -f deploy/grants.yaml');
  await cluster.install();
  const global = ['--config', configPath, '--kubeconfig', cluster.agentKubeconfig, '--namespace', agentNamespace];
  const options = { env };
  const entries = { appEnv: true, database: true, greeting: true };
  await writeConfig(configPath, doppler.url, appNamespace, entries);
  await cluster.awaitPolicy(async () => (await hikyaku(['plan', ...global], options)).exitCode === 0);
  say.good('installed');

  say.step('One config file');
  say.command('cat hikyaku.yaml');
  say.output(configText(doppler.url, appNamespace, entries));

  say.step('What would happen');
  await show('plan', global, options);

  say.step('The daemon: refreshes every minute, and when a webhook comes; resyncs every 5 s');
  say.command('npx hikyaku run --receiver 127.0.0.1:8082 --page 8080 &');
  let daemon = startDaemon(global, options);
  const webhook = await webhookOf(daemon, doppler, env.WEBHOOK_SECRET);
  const page = await pageOf(daemon);
  await eventuallyShown(() => secretValue(cluster, appNamespace, 'app-env', 'GREETING'), 'hello');
  say.command(`kubectl get secrets -n ${appNamespace}`);
  say.output(await cluster.table(`/api/v1/namespaces/${appNamespace}/secrets`));
  say.command(`kubectl get secret database -n ${appNamespace} -o jsonpath='{.data.host}' | base64 -d`);
  say.output((await secretValue(cluster, appNamespace, 'database', 'host')) ?? '');
  say.good(`its status page, which follows by itself: ${page}  (it says: ${await said(page, 'All is well')})`);

  say.step('Somebody changes a secret in Doppler, which calls its webhook');
  say.command('doppler secrets set GREETING=konnichiwa');
  const changedAt = performance.now();
  doppler.set('homelab', 'prd', 'GREETING', 'konnichiwa');
  await webhook('GREETING');
  await eventuallyShown(() => secretValue(cluster, appNamespace, 'app-env', 'GREETING'), 'konnichiwa');
  say.command(`kubectl get secret app-env -n ${appNamespace} -o jsonpath='{.data.GREETING}' | base64 -d`);
  say.output('konnichiwa');
  say.good(`arrived after ${((performance.now() - changedAt) / 1000).toFixed(1)} s, by the webhook`);

  say.step('All of them are gone from Doppler: a slip of the hand, or on purpose?');
  say.command(`doppler secrets delete ${Object.keys(SECRETS).join(' ')}`);
  for (const name of Object.keys(SECRETS)) doppler.remove('homelab', 'prd', name);
  await webhook('DB_PASSWORD');
  await daemon.logged({ msg: 'not synced', secret: `${appNamespace}/app-env`, state: 'held' });
  await show('plan', global, options, 1);
  await show('status', global, options, 1);
  say.good(`the page says: ${await said(page, /need/)}`);
  say.command(`kubectl get secret app-env -n ${appNamespace} -o jsonpath='{.data.DB_PASSWORD}' | base64 -d`);
  say.output((await secretValue(cluster, appNamespace, 'app-env', 'DB_PASSWORD')) ?? 'it is gone');
  say.good(
    'held: the last good data stays until a person approves it (hikyaku approve homelab), or the keys come back',
  );
  say.command('doppler secrets upload backup.json');
  doppler.addConfig('homelab', 'prd', { ...SECRETS, GREETING: 'konnichiwa', DB_PASSWORD: 'second-password' });
  await webhook('DB_PASSWORD');
  await eventuallyShown(() => secretValue(cluster, appNamespace, 'app-env', 'DB_PASSWORD'), 'second-password');
  say.good(`they came back: the hold is over. The page says: ${await said(page, 'All is well')}`);

  say.step('Somebody tampers with a Secret: a value changed, a key added');
  const tampered = {
    data: { GREETING: Buffer.from('hacked').toString('base64'), EXTRA: Buffer.from('x').toString('base64') },
  };
  say.command(`kubectl patch secret app-env -n ${appNamespace} --type merge -p '${JSON.stringify(tampered)}'`);
  const tamperedAt = performance.now();
  await cluster.admin('PATCH', secretPath(appNamespace, 'app-env'), tampered, {
    'content-type': 'application/merge-patch+json',
  });
  await eventuallyShown(() => secretValue(cluster, appNamespace, 'app-env', 'GREETING'), 'konnichiwa');
  await eventuallyShown(() => secretValue(cluster, appNamespace, 'app-env', 'EXTRA'), undefined);
  say.good(`repaired after ${((performance.now() - tamperedAt) / 1000).toFixed(1)} s, the stranger's key is gone`);

  say.step("The agent cannot read a Secret outside its own namespace, not even its own work: with the agent's token");
  say.command(`kubectl get secret app-env -n ${appNamespace}`);
  await refused(cluster.asAgent('GET', secretPath(appNamespace, 'app-env')));
  say.command(
    `kubectl patch secret app-env -n ${appNamespace} --type merge -p '{}'   # the answer would show the Secret`,
  );
  await refused(cluster.asAgent('PATCH', secretPath(appNamespace, 'app-env'), '{}'));

  say.step('An entry leaves the config: its Secret is pruned');
  const stopped = await daemon.stop();
  if (stopped.exitCode !== 0) throw new Error(`the daemon ended with ${stopped.exitCode}:\n${stopped.stderr}`);
  entries.greeting = false;
  await writeConfig(configPath, doppler.url, appNamespace, entries);
  await show('plan', global, options);
  await show('sync', global, options);
  say.command(`kubectl get secrets -n ${appNamespace}`);
  say.output(await cluster.table(`/api/v1/namespaces/${appNamespace}/secrets`));

  if (flags.keep) {
    daemon = startDaemon(global, options, new URL(page).port);
    await pageOf(daemon);
    say.step('Everything keeps running until Ctrl-C');
    if (ownServer !== undefined) say.command(`export KUBECONFIG=${ownServer}`);
    say.command(`export DOPPLER_TOKEN=${env.DOPPLER_TOKEN} WEBHOOK_SECRET=${env.WEBHOOK_SECRET}`);
    say.command(`kubectl get secrets -n ${appNamespace} --watch`);
    say.good(`the status page: ${page}`);
    say.command(`npx hikyaku status ${global.join(' ')}`);
    say.command(`npx hikyaku plan ${global.join(' ')}`);
    say.command(`curl -H "Authorization: Bearer $DOPPLER_TOKEN" ${doppler.url}/v3/configs/config/secrets/download`);
    await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve(), { once: true }));
    await daemon.stop();
  }
}

async function openCluster(
  agentNamespace: string,
  appNamespace: string,
): Promise<{ cluster: DemoCluster; ownServer?: string }> {
  const { context, kubeconfig } = flags;
  const names = { agentNamespace, appNamespace, directory };
  if (context !== undefined) {
    say.step(`Your cluster, context ${context}`);
    const cluster = new DemoCluster({ ...names, context, ...(kubeconfig !== undefined && { kubeconfig }) });
    for (const namespace of [agentNamespace, appNamespace]) {
      const { status, text: why } = await cluster.admin('GET', `/api/v1/namespaces/${namespace}`);
      if (status === 200)
        throw new Error(
          `the namespace ${namespace} is there already; the demo only uses namespaces that it makes: --namespaces names others`,
        );
      if (status !== 404) throw new Error(why);
    }
    cleanup.use(cluster);
    cleanup.defer(async () => {
      await cluster.uninstall();
      say.good(`the namespaces ${agentNamespace} and ${appNamespace}, and the rights, are removed again`);
    });
    return { cluster };
  }
  say.step('A real Kubernetes API server');
  const server = cleanup.use(await startDevCluster({ signal: stop.signal }));
  say.good(`it answers on ${server.url}`);
  const cluster = cleanup.use(new DemoCluster({ ...names, kubeconfig: server.kubeconfig }));
  return { cluster, ownServer: server.kubeconfig };
}

async function chooseNamespaces(): Promise<readonly [agent: string, app: string]> {
  if (flags.namespaces !== undefined) {
    const [agent = '', app = '', ...rest] = flags.namespaces.split(',');
    if (agent === '' || app === '' || rest.length > 0) throw new Error('--namespaces takes two names: AGENT,APP');
    return [agent, app];
  }
  if (flags.context === undefined) return ['hikyaku', 'web'];
  const defaults = ['hikyaku-demo', 'hikyaku-demo-web'] as const;
  if (flags.yes) return defaults;
  const agent = await text({ message: 'Namespace for the agent (made, and removed again)', initialValue: defaults[0] });
  const app = isCancel(agent)
    ? agent
    : await text({ message: 'Namespace for the Secrets (made, and removed again)', initialValue: defaults[1] });
  if (isCancel(agent) || isCancel(app)) return interrupted();
  const go = await confirm({
    message: `Make both in ${flags.context}, with a ClusterRole and policies named ${agent}-own, and remove them at the end?`,
  });
  return go === true ? [agent, app] : interrupted();
}

function interrupted(): never {
  process.stdout.write('Nothing was touched.\n');
  process.exit(130);
}

function startDaemon(
  global: readonly string[],
  options: { readonly env: Readonly<Record<string, string>> },
  pagePort = '0',
): Running {
  const args = ['run', ...global, '--receiver', '127.0.0.1:0', '--page', pagePort];
  const daemon = startHikyaku(args, options);
  cleanup.defer(async () => {
    if (daemon.process.exitCode === null) await daemon.stop();
  });
  return daemon;
}

/** The address of its status page. */
async function pageOf(daemon: Running): Promise<string> {
  const { port } = await daemon.logged({ msg: 'showing the status page' });
  return `http://localhost:${String(port)}/`;
}

/** What stands on top of the page, once it is that. */
async function said(page: string, wanted: string | RegExp): Promise<string> {
  let words = '';
  await eventuallyShown(async () => {
    const html = await (await fetch(page, { signal: stop.signal })).text();
    [, words = ''] = /data-words="([^"]*)"/.exec(html) ?? [];
    return words.match(wanted) === null ? 'not yet' : 'said';
  }, 'said');
  return words;
}

/** Calls the webhook as Doppler does, and says which name has changed. */
async function webhookOf(
  daemon: Running,
  doppler: FakeDoppler,
  signingSecret: string,
): Promise<(updated: string) => Promise<void>> {
  const { port } = await daemon.logged({ msg: 'taking notices' });
  const url = `http://127.0.0.1:${String(port)}/notices/homelab`;
  return async (updated) => {
    const options = { url, project: 'homelab', config: 'prd', signingSecret, diff: { updated: [updated] } };
    const [status] = await doppler.sendWebhook(options);
    if (status !== 202) throw new Error(`the webhook was answered ${status}`);
  };
}

/** Runs a command of hikyaku as a user would, and shows what it says. */
async function show(
  command: 'plan' | 'status' | 'sync',
  global: readonly string[],
  options: { readonly env: Readonly<Record<string, string>> },
  wanted = 0,
): Promise<void> {
  say.command(`npx hikyaku ${command}`);
  const colors = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const { exitCode, stdout, stderr } = await hikyaku([command, ...global], { env: { ...options.env, ...colors } });
  say.output(stdout + stderr);
  if (exitCode !== wanted) throw new Error(`hikyaku ${command} ended with ${exitCode}`);
}

async function refused(answer: Promise<{ readonly status: number; readonly message: string }>): Promise<void> {
  const { status, message } = await answer;
  if (status !== 403) throw new Error(`expected a refusal, got ${status}`);
  say.output(`Error from server (Forbidden): ${message}`);
}

interface Entries {
  readonly appEnv: boolean;
  readonly database: boolean;
  readonly greeting: boolean;
}

async function writeConfig(path: string, url: string, namespace: string, entries: Entries): Promise<void> {
  await writeFile(path, configText(url, namespace, entries));
}

function configText(url: string, namespace: string, { appEnv, database, greeting }: Entries): string {
  return [
    'resync: 5s',
    'providers:',
    '  homelab:',
    '    type: doppler',
    `    url: ${url} # only for the fake`,
    '    project: homelab',
    '    config: prd',
    '    refresh: 1m',
    '    notices: { secret: { env: WEBHOOK_SECRET } }',
    'secrets:',
    ...(appEnv ? [`  - { name: app-env, namespace: ${namespace}, from: homelab }`] : []),
    ...(database
      ? [
          '  - name: database',
          `    namespace: ${namespace}`,
          '    from: homelab',
          '    data:',
          '      password: DB_PASSWORD',
          '      host: { key: DB_JSON, property: host }',
        ]
      : []),
    ...(greeting ? [`  - { name: greeting, namespace: ${namespace}, from: homelab, data: { text: GREETING } }`] : []),
    '',
  ].join('\n');
}

function secretPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/secrets/${name}`;
}

async function secretValue(
  cluster: DemoCluster,
  namespace: string,
  name: string,
  key: string,
): Promise<string | undefined> {
  const value = field((await cluster.admin('GET', secretPath(namespace, name))).body, 'data', key);
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : undefined;
}

async function eventuallyShown(read: () => Promise<string | undefined>, wanted: string | undefined): Promise<void> {
  const end = performance.now() + 60_000;
  while ((await read()) !== wanted) {
    stop.signal.throwIfAborted();
    if (performance.now() > end) throw new Error('the Secret did not become what it should within a minute');
    await sleep(100);
  }
}
