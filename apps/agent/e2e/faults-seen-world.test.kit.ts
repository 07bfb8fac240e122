import { randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { generateIdentity } from '@hikyaku/sealing';
import { applyYaml, createSecret, readInstallFile, startHikyaku, succeeded } from '@hikyaku/testbed';
import type { Api, Running } from '@hikyaku/testbed';
import { stringify } from 'yaml';
import { LeakSearch } from '../../../tools/testbed/src/leak-search.ts';
import { IDENTITY } from './identity.test.kit.ts';
import { People } from './people.test.kit.ts';
import { lookEverywhere } from './seen.test.kit.ts';
import type { Look } from './seen.test.kit.ts';

const IN_POD = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '443' };
const GRANTS = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants';
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };
const TIME_PASSES = new URL('./faults-seen/time-passes.mjs', import.meta.url).pathname;

interface Wanted {
  readonly hold?: object;
  readonly recipients?: object;
  readonly providers: Readonly<Record<string, object>>;
  readonly secrets: readonly object[];
  readonly pushes?: readonly object[];
}

/** One agent as in a Pod, with its rights and grants, whose whole surroundings can go wrong. */
export class World implements AsyncDisposable {
  readonly people: People;
  readonly admin: Api;
  readonly doppler: FakeDoppler;
  /** The files of the config, and what is granted beside it. */
  readonly directory: string;
  /** Another service, which may go away. */
  other: FakeDoppler;
  /** The public key of this cluster. */
  readonly recipient: string;
  /** That of another one. */
  readonly stranger: string;
  readonly leaks = new LeakSearch();
  readonly grants: {
    types: string;
    metadataPrefixes: string;
    reservedNamespaces: string;
    names?: string;
    restarts?: string;
    origins: string[];
    pushes: object[];
    plugins: unknown;
  };
  readonly values = new Map<string, string>();
  /** As they stand in the config. */
  readonly sources = new Map<string, object>();
  #agent: Running | undefined;

  private constructor(parts: Pick<World, 'people' | 'directory' | 'other' | 'recipient' | 'stranger'>) {
    this.people = parts.people;
    this.admin = parts.people.admin;
    this.doppler = parts.people.doppler;
    this.directory = parts.directory;
    this.other = parts.other;
    this.recipient = parts.recipient;
    this.stranger = parts.stranger;
    this.grants = {
      types: 'Opaque, kubernetes.io/dockerconfigjson',
      metadataPrefixes: '',
      reservedNamespaces: 'kube-system, reserved',
      origins: [this.doppler.url],
      pushes: [],
      plugins: [],
    };
  }

  static async start(): Promise<World> {
    const people = await People.start();
    await applyYaml(people.admin, await readInstallFile('rights-restarts.yaml'));
    const { file, recipient } = await generateIdentity();
    const { recipient: stranger } = await generateIdentity();
    await createSecret(people.admin, IDENTITY, { 'age.agekey': file });
    const directory = await mkdtemp(join(tmpdir(), 'hikyaku-faults-'));
    const other = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
    const world = new World({ people, directory, other, recipient, stranger });
    world.leaks.add('the identity', /AGE-SECRET-KEY-\S+/.exec(file)?.[0] ?? '');
    return world;
  }

  get agent(): Running {
    if (this.#agent === undefined) throw new Error('no agent runs yet');
    return this.#agent;
  }

  /** A value that must be seen nowhere. */
  value(name: string): string {
    const text = `q${randomBytes(24).toString('hex')}`;
    this.values.set(name, text);
    this.leaks.add(name, text);
    return text;
  }

  /** The same of a token. */
  token(name: string, token: string): string {
    this.leaks.add(name, token);
    return token;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async writeFile(name: string, text: string): Promise<void> {
    await writeFile(this.path(`${name}.new`), text);
    await rename(this.path(`${name}.new`), this.path(name));
  }

  /** As the owner of the config does it. */
  async configure(wanted: Wanted): Promise<void> {
    await this.writeFile(
      'hikyaku.yaml',
      stringify({ version: 1, resync: '1h', ...wanted }, { aliasDuplicateObjects: false }),
    );
  }

  /** As who answers for the cluster does it. */
  async grant(): Promise<void> {
    const { types, metadataPrefixes, reservedNamespaces, names, restarts, ...read } = this.grants;
    const data = {
      types,
      metadataPrefixes,
      reservedNamespaces,
      names: names ?? null,
      restarts: restarts ?? null,
      'grants.yaml': stringify({ ...read, files: this.directory }),
    };
    succeeded(await this.admin('PATCH', GRANTS, { data }, MERGE_PATCH));
  }

  async run(): Promise<void> {
    const args = [
      'run',
      '--config',
      this.path('hikyaku.yaml'),
      '--log-level',
      'debug',
      '--health',
      '127.0.0.1:0',
      '--page',
      '0',
    ];
    this.#agent = startHikyaku(args, {
      env: { ...IN_POD, KUBECONFIG: await this.people.cluster.agentKubeconfig() },
      nodeFlags: ['--import', TIME_PASSES],
    });
    await this.#agent.logged({ msg: 'started' });
  }

  /** Four minutes, for the agent. */
  timePasses(): void {
    this.agent.process.kill('SIGUSR2');
  }

  async look(): Promise<Look> {
    return await lookEverywhere(this.people, this.agent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop();
    await this.other.close();
    await this.people[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }
}
