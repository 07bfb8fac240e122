import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { eventually, readSecret, startCluster } from '@hikyaku/testbed';
import type { Cluster } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shell } from '../../../tools/testbed/src/shell.ts';
import { hasTerminals, runInTerminal } from '../../../tools/testbed/src/terminal.ts';
import { writeKubeconfig } from './install.test.kit.ts';

// From a clone to the first Secret, by the commands of the README and no others. Two things are not the reader's: the clone is of this
// working copy as it is committed, and init is told the address of a Doppler of ours.

const root = fileURLToPath(new URL('../../..', import.meta.url));
const MOST = 6;

/** The block behind the mark, its comments taken off. */
async function commandsOf(readme: string): Promise<readonly string[]> {
  const markdown = await readFile(join(root, readme), 'utf8');
  const [, block = ''] = /<!-- getting started -->\n```sh\n([^]*?)^```$/m.exec(markdown) ?? [];
  return block
    .trim()
    .split('\n')
    .map((line) => line.replace(/ +#.*/, ''));
}

const commands = await commandsOf('README.md');

test('the README in Japanese shows the same commands', async () => {
  expect(await commandsOf('README.ja.md')).toEqual(commands);
});

test('six commands at the most', () => {
  expect(commands.length).toBeGreaterThan(1);
  expect(commands.flatMap((line) => line.split(/&&|;|\|/)).length).toBeLessThanOrEqual(MOST);
});

describe.runIf(hasTerminals)('the commands of the README', () => {
  let cluster: Cluster;
  let doppler: FakeDoppler;
  let person: string;

  beforeAll(async () => {
    person = await mkdtemp(join(tmpdir(), 'hikyaku-getting-started-'));
    doppler = await startFakeDoppler();
    doppler.addConfig('homelab', 'prd', { GREETING: 'hello' });
    cluster = await startCluster({ controllers: false });
    await writeKubeconfig(join(person, 'kubeconfig'), { home: cluster });
  });
  afterAll(async () => {
    await cluster?.stop();
    await doppler?.close();
    await rm(person, { recursive: true, force: true });
  });

  /** Where the shell stands, as `cd` is a command of it. */
  async function type(line: string, folder: string): Promise<string> {
    if (line.startsWith('cd ')) return join(folder, line.slice('cd '.length));
    const env = {
      HOME: person,
      PATH: process.env['PATH'] ?? '',
      KUBECONFIG: join(person, 'kubeconfig'),
      // What was downloaded once is not downloaded again.
      npm_config_cache: process.env['npm_config_cache'] ?? join(process.env['HOME'] ?? '', '.npm'),
      npm_config_prefer_offline: 'true',
      NX_DAEMON: 'false',
    };
    if (!line.startsWith('npx hikyaku init ')) {
      await shell(line.replace('REPOSITORY', root), { cwd: folder, env });
      return folder;
    }
    const { exitCode, screen } = await runInTerminal(`${line} --url ${doppler.url}`, {
      cwd: folder,
      env,
      types: [
        { after: 'Where are your secrets kept?', keys: '\r' },
        { after: 'Doppler project', keys: '\r' },
        { after: 'Doppler config', keys: '\r' },
        { after: 'Kubernetes Secret', keys: '\r' },
        { after: 'Name of this cluster', keys: '\r' },
        { after: 'Your own key', keys: '\r' },
        { after: 'File for your private key', keys: '\r' },
        { after: 'not shown', keys: `${doppler.serviceToken('homelab', 'prd')}\r` },
        { after: 'Make it?', keys: 'y' },
      ],
    });
    if (exitCode !== 0) throw new Error(screen);
    return folder;
  }

  test('lead from a clone to the first Secret', async () => {
    await eventually(async () => (await cluster.admin('GET', '/api/v1/namespaces/default')).status === 200);
    let folder = person;
    for (const line of commands) folder = await type(line, folder);
    expect((await readSecret(cluster.admin, 'default/app-env'))?.data['GREETING']).toBe('hello');
  }, 900_000);
});
