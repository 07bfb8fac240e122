import type { CallOptions } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { KubeError } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeObject, WatchEvent } from '@hikyaku/kube-client';
import type { RequestAnswer } from '@hikyaku/kubernetes';
import { expect, test } from 'vitest';
import { followRequests } from './follow-requests.ts';
import type { FollowRequestsOptions } from './follow-requests.ts';

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const ID = '00000000000000aa';

/** A ConfigMap with one request. Its watch tells of it once, as nothing in it changes by itself. */
class Requests {
  readonly namespace = 'hikyaku';
  readonly name = 'hikyaku-approval';
  readonly data: Record<string, string> = { [ID]: '{}' };
  /** What calls throw instead, in turn. */
  readonly failures: KubeError[] = [];
  /** The claim arrives, and its answer is lost. */
  losesClaim = false;

  async read(): Promise<ConfigMapObject> {
    this.#fail();
    return this.#live;
  }

  async claim(id: string, now: number): Promise<boolean> {
    this.#fail();
    if (this.data[`${id}.done`] !== undefined) return false;
    this.data[`${id}.done`] = JSON.stringify({ state: 'taken', at: new Date(now).toISOString() });
    if (this.losesClaim) throw unreachable();
    return true;
  }

  async answer(answers: ReadonlyMap<string, RequestAnswer>): Promise<void> {
    for (const [id, answer] of answers) this.data[`${id}.done`] = JSON.stringify(answer);
  }

  async *watch<T extends KubeObject>(_: string, { signal }: CallOptions): AsyncGenerator<WatchEvent<T>> {
    yield { type: 'ADDED', object: this.#live as unknown as T };
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }

  get #live(): ConfigMapObject {
    return { metadata: { namespace: this.namespace, name: this.name }, data: { ...this.data } };
  }

  #fail(): void {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
  }
}

function unreachable(): KubeError {
  return new KubeError('UNAVAILABLE', 'no answer');
}

/** What stands there as its answer after a while, and how often it was done. */
async function follow(requests: Requests, forMs: number) {
  const clock = new FakeClock();
  const stop = new AbortController();
  let done = 0;
  const answer: FollowRequestsOptions['answer'] = async (_, { claim }) => {
    if (!(await claim())) return undefined;
    done++;
    return { state: 'given' };
  };
  const ended = followRequests(
    { client: requests, object: requests, answer, logger: silent, clock },
    { signal: stop.signal },
  );
  await clock.advance(forMs);
  stop.abort();
  await ended;
  const said: unknown = JSON.parse(requests.data[`${ID}.done`] ?? 'null');
  return { done, said };
}

test('a request is done once, and answered', async () => {
  expect(await follow(new Requests(), 1_000)).toMatchObject({ done: 1, said: { state: 'given' } });
});

test('one that could not be claimed is found again, however long the API server was away, though nothing of it changes', async () => {
  const requests = new Requests();
  requests.failures.push(...Array.from({ length: 4 }, unreachable));
  expect(await follow(requests, 30_000)).toMatchObject({ done: 1, said: { state: 'given' } });
});

test('one whose claim arrived without an answer is not done, and whoever asked is told', async () => {
  const requests = new Requests();
  requests.losesClaim = true;
  expect(await follow(requests, 5_000)).toMatchObject({
    done: 0,
    said: { state: 'failed', message: expect.stringContaining('nothing was done; ask again') },
  });
});

test('one that somebody else has claimed is left to them', async () => {
  const requests = new Requests();
  requests.failures.push(unreachable());
  const ended = follow(requests, 5_000);
  requests.data[`${ID}.done`] = JSON.stringify({ state: 'taken', at: new Date(0).toISOString() });
  expect(await ended).toMatchObject({ done: 0, said: { state: 'taken' } });
});

test('those of one queue wait for each other, and no other one does', async () => {
  const requests = new Requests();
  const ids = ['00000000000000a1', '00000000000000a2', '00000000000000b1'];
  delete requests.data[ID];
  for (const id of ids) requests.data[id] = '{}';
  const clock = new FakeClock();
  const stop = new AbortController();
  const asked: string[] = [];
  const first = Promise.withResolvers<void>();
  const answer: FollowRequestsOptions['answer'] = async ({ id }) => {
    asked.push(id);
    if (id === ids[0]) await first.promise;
    return { state: 'given' };
  };
  const queueOf: FollowRequestsOptions['queueOf'] = ({ id }) => id.slice(0, -1);
  const ended = followRequests(
    { client: requests, object: requests, answer, queueOf, logger: silent, clock },
    { signal: stop.signal },
  );
  await clock.advance(60_000);
  expect(asked).toEqual(['00000000000000a1', '00000000000000b1']);
  expect(requests.data['00000000000000b1.done']).toContain('given');
  first.resolve();
  await clock.advance(1_000);
  expect(asked).toEqual(['00000000000000a1', '00000000000000b1', '00000000000000a2']);
  stop.abort();
  await ended;
});
