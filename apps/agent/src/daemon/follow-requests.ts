import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { isKubeError, path, watchByName } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient } from '@hikyaku/kube-client';
import { openRequests, takenAt } from '@hikyaku/kubernetes';
import type { AskedRequest, RequestAnswer, RequestsObject } from '@hikyaku/kubernetes';
import { REFUSALS } from './refusals.ts';

/** What an answer says besides. */
export type Answer = Omit<RequestAnswer, 'at'> & Readonly<Record<string, unknown>>;

export interface AnswerOptions extends CallOptions {
  /** Says that it is being worked at. `true`: no process will ever take it again. Throws KubeError. */
  readonly claim: () => Promise<boolean>;
}

export interface FollowRequestsOptions {
  readonly client: Pick<KubeClient, 'watch'>;
  readonly object: Pick<RequestsObject, 'namespace' | 'name' | 'claim' | 'answer' | 'read'>;
  /** `undefined`: it is somebody else's. Throws nothing but KubeError: then it is asked again, where it was not claimed. */
  readonly answer: (request: AskedRequest, options: AnswerOptions) => Promise<Answer | undefined>;
  /** Those of one queue wait for each other, in the order in which they were seen; absent: each has its own. */
  readonly queueOf?: (request: AskedRequest) => string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Are answered at once. */
const MOST = 16;
/** Answers that come together are one write. */
const TOGETHER_MS = 100;
/** Whoever writes the object over and over costs no more than this. */
const BETWEEN_LOOKS_MS = 200;
const TRY_AGAIN_MS = 2_000;
const TRY_AGAIN_AT_MOST_MS = 30_000;
/** The claim has arrived, and the agent did not hear so in time to act on it. */
const UNCLAIMED: Answer = {
  state: 'failed',
  message: 'the API server did not answer the agent in time: nothing was done; ask again',
};

/** Answers what people ask in a ConfigMap, until the signal aborts. Never rejects, but with a bug. */
export async function followRequests(
  { client, object, answer, queueOf = ({ id }) => id, logger, clock }: FollowRequestsOptions,
  { signal }: CallOptions,
): Promise<void> {
  const sleep = (ms: number) => clock.sleep(ms, { signal }).catch(() => {});
  /** Seen, and answered or being answered by this process. */
  const known = new Set<string>();
  const answers = new Map<string, RequestAnswer>();
  const bugs = Promise.withResolvers<never>();
  /** Queues of which one is being answered. */
  const working = new Set<string>();
  let waiting: readonly AskedRequest[] = [];
  let writing: Promise<void> | undefined;

  const stamped = (said: Answer): RequestAnswer => ({ ...said, at: new Date(clock.now()).toISOString() });

  function begin(): void {
    while (working.size < MOST && !signal.aborted) {
      const next = waiting.find((request) => !working.has(queueOf(request)));
      if (next === undefined) return;
      waiting = waiting.filter((request) => request !== next);
      const queue = queueOf(next);
      working.add(queue);
      void work(next)
        .catch((error: unknown) => bugs.reject(error))
        .finally(() => {
          working.delete(queue);
          begin();
        });
    }
  }

  async function work(request: AskedRequest): Promise<void> {
    const { id } = request;
    /** Of a claim of which nobody knows whether it has arrived. */
    let sentAt: number | undefined;
    const claim = async () => {
      sentAt = clock.now();
      const isOurs = await object.claim(id, sentAt, { signal });
      sentAt = undefined;
      return isOurs;
    };
    try {
      const said = await answer(request, { signal, claim });
      if (said === undefined) return;
      answers.set(id, stamped(said));
    } catch (error) {
      if (signal.aborted) return;
      if (!isKubeError(error)) throw error;
      logger.warn({ error, object: object.name }, 'request not answered');
      await sleep(TRY_AGAIN_MS);
      // The next look finds it again, where it is still open.
      known.delete(id);
      const live = await look();
      if (sentAt === undefined || live === undefined || takenAt(live, id) !== sentAt) return;
      answers.set(id, stamped(UNCLAIMED));
    }
    writing ??= write().finally(() => (writing = undefined));
    await writing;
  }

  async function write(): Promise<void> {
    await sleep(TOGETHER_MS);
    while (answers.size > 0 && !signal.aborted) {
      const now = new Map(answers);
      try {
        await object.answer(now, clock.now(), { signal });
        for (const [id, said] of now) if (answers.get(id) === said) answers.delete(id);
      } catch (error) {
        if (signal.aborted) return;
        if (!isKubeError(error)) throw error;
        logger.warn({ error, object: object.name }, 'answer not written');
        await sleep(TRY_AGAIN_MS);
      }
    }
  }

  function take(live: ConfigMapObject): void {
    const open = openRequests(live);
    const there = new Set(Object.keys(live.data ?? {}));
    for (const id of known) if (!there.has(id) && !answers.has(id)) known.delete(id);
    for (const request of open) {
      if (known.has(request.id)) continue;
      known.add(request.id);
      waiting = [...waiting, request];
    }
    begin();
  }

  /** Until it could be read: no event tells of what has not changed meanwhile. `undefined` where it is not there. */
  async function look(): Promise<ConfigMapObject | undefined> {
    for (let waitMs = TRY_AGAIN_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, TRY_AGAIN_AT_MOST_MS)) {
      try {
        const live = await object.read({ signal });
        take(live);
        return live;
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!isKubeError(error)) throw error;
        if (error.code === 'NOT_FOUND') return undefined;
        await sleep(waitMs);
      }
    }
    return undefined;
  }

  async function follow(): Promise<void> {
    const collection = path`/api/v1/namespaces/${object.namespace}/configmaps`;
    let isSaid = false;
    while (!signal.aborted) {
      try {
        for await (const event of watchByName<ConfigMapObject>(client, collection, object.name, {
          signal,
          refusals: REFUSALS,
        })) {
          if (event.type === 'PRESENT') take(event.object);
          if (event.type === 'UNKNOWN') await look();
          isSaid = false;
          await sleep(BETWEEN_LOOKS_MS);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!isKubeError(error)) throw error;
        if (!isSaid) logger.warn({ error, object: object.name }, 'requests not followed');
        isSaid = true;
        await sleep(60_000);
      }
    }
  }

  await Promise.race([follow(), bugs.promise]);
}
