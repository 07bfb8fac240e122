import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { createSecret, field, readSecret, secretPath, succeeded } from '@hikyaku/testbed';
import type { Api, Running } from '@hikyaku/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Stage } from './stage.test.kit.ts';

// Somebody applies a Secret by force, again and again, as Flux does. The built agent puts it right a few times and then leaves it be for longer and longer.

const project = 'homelab';
const config = 'prd';
const held = { A: 'ours', B: 'ours' };
const MANAGER = 'kustomize-controller';
const APPLY = { 'content-type': 'application/apply-patch+yaml' };
const NOT_SYNCED = { msg: 'not synced', state: 'contested' };

let stage: Stage;
let admin: Api;
let doppler: FakeDoppler;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.open('web');
  ({ admin, doppler } = stage);
  doppler.addConfig(project, config, held);
});
beforeEach(async () => {
  namespace = await stage.begin();
});
afterEach(() => stage.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

/** Applies its own idea of the Secret every 100 ms, and counts how often it found that somebody else had written. */
class Rival implements AsyncDisposable {
  readonly #manifest: object;
  readonly #stop = new AbortController();
  readonly #applying: Promise<void>;
  found = 0;
  applied = 0;

  constructor(data: Readonly<Record<string, string>>) {
    const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    this.#manifest = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'app', namespace },
      type: 'Opaque',
      data: Object.fromEntries(encoded),
    };
    this.#applying = this.#apply();
  }

  async #apply(): Promise<void> {
    const path = secretPath(id());
    let before: unknown;
    while (!this.#stop.signal.aborted) {
      const after = field(
        succeeded(await admin('PATCH', `${path}?fieldManager=${MANAGER}&force=true`, this.#manifest, APPLY)),
        'metadata',
        'resourceVersion',
      );
      // What changes nothing is not written.
      if (before !== undefined && after !== before) this.found++;
      before = after;
      this.applied++;
      await pause(100);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#applying;
  }
}

describe.each([
  ['that the agent may not read', {}, () => stage.kubeconfig],
  ['that a person reads', {}, () => stage.cluster.kubeconfig],
  ['that keys are merged into', { existing: 'merge' }, () => stage.cluster.kubeconfig],
])('a Secret %s, and somebody who applies it by force', (_, more, kubeconfig) => {
  async function synced(): Promise<Running> {
    if ('existing' in more)
      await createSecret(admin, id(), { THEIRS: 'x' }, { labels: { 'hikyaku.dev/merge': 'hikyaku' } });
    const agent = await run(more, kubeconfig());
    await agent.logged({ msg: 'applied', secret: id() });
    return agent;
  }

  test('end in three writes, a log line that names the other, and peace for a while', async () => {
    const agent = await synced();
    const rival = new Rival({ A: 'theirs' });
    const line = await agent.logged({ ...NOT_SYNCED, secret: id() });
    await pause(15_000);
    await rival[Symbol.asyncDispose]();
    expect(rival.applied).toBeGreaterThan(20);
    expect(rival.found).toBe(3);
    expect(agent.log.filter(({ outcome }) => outcome === 'repaired')).toHaveLength(3);
    expect(agent.log.filter(({ state }) => state === 'contested')).toHaveLength(1);
    expect(String(line['messages'])).toMatch(
      new RegExp(`^somebody else keeps changing Secret ${id()}: .*; it is managed by ${MANAGER} as well$`),
    );
    expect((await readSecret(admin, id()))?.data).toMatchObject({ A: 'theirs' });
    // Now that the other has stopped.
    await expect.poll(async () => (await readSecret(admin, id()))?.data, { timeout: 45_000 }).toMatchObject(held);
  });

  test('are no contest where both want the same', async () => {
    const agent = await synced();
    await using rival = new Rival({ A: held.A });
    await pause(5_000);
    expect(rival.applied).toBeGreaterThan(10);
    expect(agent.log.filter(({ outcome }) => outcome === 'repaired')).toEqual([]);
    expect(agent.log.filter(({ msg }) => msg === 'not synced')).toEqual([]);
  });
});

async function run(more: object, kubeconfig: string): Promise<Running> {
  const path = await stage.configs.write({
    resync: '1s',
    hold: 'off',
    providers: {
      homelab: { type: 'doppler', url: doppler.url, token: { env: 'DOPPLER_TOKEN' }, refresh: '1h', hold: 'off' },
    },
    secrets: [{ name: 'app', namespace, from: 'homelab', whenRemoved: 'keep', ...more }],
  });
  return stage.start(['run', '--config', path, '--kubeconfig', kubeconfig, '--log-level', 'debug'], {
    env: { DOPPLER_TOKEN: doppler.serviceToken(project, config) },
  });
}

function id(): string {
  return `${namespace}/app`;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
