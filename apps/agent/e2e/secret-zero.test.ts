import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { applyYaml, createNamespace, deleteSecret, eventually, readSecret, startCluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shell } from '../../../tools/testbed/src/shell.ts';
import { hasTerminals, hikyakuInTerminal } from '../../../tools/testbed/src/terminal.ts';
import { transcriptIn } from '../../../tools/testbed/src/transcript.ts';
import { IDENTITY } from './identity.test.kit.ts';
import { InstalledCluster, writeKubeconfig } from './install.test.kit.ts';

// docs/secret-zero.md is one story of three clusters: its commands run here one after the other, on real API servers.

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = await readFile(join(root, 'docs/secret-zero.md'), 'utf8');
const japanese = await readFile(join(root, 'docs/secret-zero.ja.md'), 'utf8');
const NAMES = ['home', 'cabin', 'lab'] as const;
type Name = (typeof NAMES)[number];

interface Section {
  readonly title: string;
  readonly commands: readonly Command[];
}

interface Command {
  readonly command: string;
  /** What it says, where the page shows that. */
  readonly output?: string;
}

/** Those that show commands. */
function sectionsOf(markdown: string): readonly Section[] {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((section) => ({ title: section.slice(0, section.indexOf('\n')), commands: commandsOf(section) }))
    .filter(({ commands }) => commands.length > 0);
}

function commandsOf(section: string): readonly Command[] {
  return [...section.matchAll(/^```(sh|console)\n([^]*?)^```$/gm)].flatMap(
    ([, kind, block = '']): readonly Command[] =>
      kind === 'sh'
        ? block.split('\n').flatMap((line) => {
            const command = line.replace(/ +#.*/, '').trim();
            return command === '' ? [] : [{ command }];
          })
        : transcriptIn(block),
  );
}

/** Keys, their fingerprints and days are others each time; and the address of the service takes a line here. */
function withoutChance(output: string): string {
  return output
    .replaceAll(/(?<=\.yaml):\d+/g, ':LINE')
    .replaceAll(/\b[0-9a-f]{24}\b/g, 'FINGERPRINT')
    .replaceAll(/\bage1\w+(?:…|\.\.\.)?/g, 'KEY')
    .replaceAll(/\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?/g, 'DATE');
}

test('the Japanese page has the same commands in the same order', () => {
  const commandsIn = (markdown: string) =>
    sectionsOf(markdown).map(({ commands }) => commands.map(({ command }) => command));
  expect(commandsIn(japanese)).toEqual(commandsIn(page));
});

describe.runIf(hasTerminals)('docs/secret-zero.md', () => {
  const left = new Map(sectionsOf(page).map(({ title, commands }) => [title, commands]));
  const installed = new Set<Name>();
  let doppler: FakeDoppler;
  let sites: Readonly<Record<Name, InstalledCluster>>;
  let person: string;
  let repository: string;
  let env: Readonly<Record<string, string>>;
  let token: string;

  beforeAll(async () => {
    person = await mkdtemp(join(tmpdir(), 'hikyaku-secret-zero-'));
    repository = join(person, 'repository');
    doppler = await startFakeDoppler();
    doppler.addConfig('homelab', 'prd', { GREETING: 'hello' });
    const [home, cabin, lab] = await Promise.all(
      NAMES.map(async () => new InstalledCluster(await startCluster({ controllers: false }))),
    );
    if (home === undefined || cabin === undefined || lab === undefined) throw new Error('three clusters are needed');
    sites = { home, cabin, lab };
    for (const { cluster } of Object.values(sites)) await createNamespace(cluster.admin, 'web');
    const KUBECONFIG = join(person, 'kubeconfig');
    await writeKubeconfig(KUBECONFIG, { home: home.cluster, cabin: cabin.cluster, lab: lab.cluster });
    const bin = await programs();
    env = { HOME: person, KUBECONFIG, PATH: `${bin}:${process.env['PATH']}`, GIT_CONFIG_NOSYSTEM: '1' };
    await newToken();
    await writeFile(join(person, '.gitconfig'), GIT_CONFIG);
    await mkdir(repository);
    await type('git init --quiet && git init --quiet --bare ../origin.git && git remote add origin ../origin.git');
  });
  afterAll(async () => {
    for (const name of NAMES) await sites?.[name][Symbol.asyncDispose]();
    await doppler?.close();
    await rm(person, { recursive: true, force: true });
  });

  const GIT_CONFIG = `[user]
  name = operator
  email = operator@example.com
[init]
  defaultBranch = main
[push]
  autoSetupRemote = true
`;

  /** Programs that a person may have. */
  async function programs(): Promise<string> {
    const bin = join(person, 'bin');
    await mkdir(bin);
    const scripts = {
      hikyaku: `exec '${process.execPath}' '${join(root, 'apps/agent/dist/hikyaku.js')}' "$@"`,
      pass: 'cat "$HOME/token"',
    };
    for (const [name, script] of Object.entries(scripts)) {
      await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(bin, name), 0o700);
    }
    return bin;
  }

  /** Made at Doppler by hand. */
  async function newToken(): Promise<void> {
    token = doppler.serviceToken('homelab', 'prd');
    await writeFile(join(person, 'token'), token);
  }

  async function type(command: string): Promise<string> {
    return await shell(command, { cwd: repository, env });
  }

  /** The commands of a section, in order. */
  async function follow(title: string): Promise<void> {
    const commands = left.get(title);
    if (commands === undefined) throw new Error(`the page has no commands under ${title}`);
    left.delete(title);
    for (const { command, output } of commands) {
      const said = await runLine(command);
      expect({ command, said: withoutChance(said) }).toEqual({ command, said: withoutChance(output ?? said) });
    }
  }

  async function runLine(line: string): Promise<string> {
    const name = NAMES.find((one) => line === `kubectl --context ${one} apply -k .`);
    if (name !== undefined) {
      installed.add(name);
      await sites[name].apply(repository);
      return '';
    }
    if (line === 'hikyaku init --context home') return await answer(line);
    if (line.includes('recipients new me')) await rm(join(person, '.config/sops/age/keys.txt')); // which is lost
    // A person would say yes where these ask.
    const asks = /^\(?(?:umask 077; )?hikyaku (?:init|recipients (?:new|rm)|rewrap|identity prune)\b/.test(line);
    const output = await type(asks ? line.replace(/(?= > )|(?=$)/, ' --yes') : line);
    // What Flux does.
    if (line.endsWith('git push')) for (const one of installed) await sites[one].apply(repository);
    return output;
  }

  async function answer(line: string): Promise<string> {
    const clear = '\u0015';
    const args = [...line.split(' ').slice(1), '--url', doppler.url];
    const { exitCode, screen } = await hikyakuInTerminal(args, {
      cwd: repository,
      env,
      types: [
        { after: 'Where are your secrets kept?', keys: '\r' },
        { after: 'Doppler project', keys: '\r' },
        { after: 'Doppler config', keys: '\r' },
        { after: 'Kubernetes Secret', keys: `${clear}web/web-env\r` },
        { after: 'Name of this cluster', keys: '\r' },
        { after: 'Your own key', keys: '\r' },
        { after: 'File for your private key', keys: '\r' },
        { after: 'Before each commit', keys: '\r' },
        { after: 'not shown', keys: `${token}\r` },
        { after: 'Make it?', keys: 'y' },
      ],
    });
    if (exitCode !== 0) throw new Error(screen);
    return screen;
  }

  async function greetingIn(name: Name): Promise<string | undefined> {
    return (await readSecret(sites[name].cluster.admin, 'web/web-env'))?.data['GREETING'];
  }

  async function greets(greeting: string, ...names: readonly Name[]): Promise<void> {
    doppler.set('homelab', 'prd', 'GREETING', greeting);
    // Nobody waits a minute for a refresh.
    for (const name of names) await sites[name].restart();
    for (const name of names) await eventually(async () => (await greetingIn(name)) === greeting);
  }

  test('its commands lead from nothing to three clusters, and one of them away again', async () => {
    await follow('The first cluster');
    await greets('hello home', 'home');

    await follow('Another cluster');
    await greets('hello both', 'home', 'cabin');
    expect((await type('git show --name-only --format=')).trim()).toBe('hikyaku.yaml');

    await follow('A cluster that does not exist yet');
    // What k3s does with the file when it starts.
    await applyYaml(sites.lab.cluster.admin, await readFile(join(person, 'lab-identity.yaml'), 'utf8'));
    await runLine('kubectl --context lab apply -k .');
    await greets('hello all', ...NAMES);

    installed.delete('cabin'); // nobody brings it anything any more
    const stolen = token;
    await newToken();
    await follow('A cluster is stolen');
    doppler.revoke(stolen);
    await greets('hello honest people', 'home', 'lab');
    await sites.cabin.restart();
    await sites.cabin.agent?.logged({ msg: 'source failed', source: 'homelab' });
    expect(await greetingIn('cabin')).toBe('hello all');
    expect(await readFile(join(person, 'cabin.md'), 'utf8')).toContain('cabin');
    expect(await type('hikyaku lint')).toBe('✓ hikyaku.yaml: 1 sealed credential, 3 recipients: all in order\n');

    await sites.lab.stopAgent();
    await deleteSecret(sites.lab.cluster.admin, IDENTITY);
    await deleteSecret(sites.lab.cluster.admin, 'web/web-env');
    installed.delete('lab');
    await follow('A key is lost');
    await runLine('kubectl --context lab apply -k .');
    await greets('hello again', 'home', 'lab');
    const opened = await type('hikyaku unseal homelab.token 2> /dev/null');
    expect(opened === token).toBe(true);

    await follow('Rotation means three things');
    await greets('hello with another key', 'home', 'lab');

    await follow('Check it in CI');
    expect([...left.keys()]).toEqual([]);
  }, 400_000);
});
