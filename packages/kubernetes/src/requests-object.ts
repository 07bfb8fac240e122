import { randomBytes } from 'node:crypto';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient } from '@hikyaku/kube-client';
import { noticeKey, noticesIn } from './passed-notices.ts';

/** What somebody has asked; foreign text until it has been looked at. */
export interface AskedRequest {
  readonly id: string;
  readonly value: unknown;
}

/** `taken`: being worked at, or it was when the agent ended. Anything else is the end of it. */
export interface RequestAnswer {
  readonly state: string;
  /** By the agent's clock. */
  readonly at: string;
}

/** So many are looked at; more, and nothing is said of the others. */
const MOST_OPEN = 32;
const MOST_ANSWERED = 64;
const MOST_ANSWERED_BYTES = 400_000;
/** Entries of other replicas. */
const MOST_NOTICES = 200;
const KEPT_MS = 600_000;
const LONGEST_REQUEST = 2_048;
const LONGEST_ANSWER = 65_536;
const WRITE_ROUNDS = 10;
const ID = /^[0-9a-f]{16}$/;
const DONE = '.done';
const TAKEN = 'taken';

/** A ConfigMap in which people ask something of the agent, each with their own rights, and it answers: `<id>` and `<id>.done`. */
export class RequestsObject {
  readonly namespace: string;
  readonly name: string;
  readonly #client: KubeClient;

  constructor(client: KubeClient, { namespace, name }: { readonly namespace: string; readonly name: string }) {
    this.#client = client;
    this.namespace = namespace;
    this.name = name;
  }

  /** Asks, and gives the id. Throws KubeError. */
  async ask(value: object, options: CallOptions): Promise<string> {
    const id = randomBytes(8).toString('hex');
    const text = JSON.stringify(value);
    await this.#change((data) => ({ ...data, [id]: text }), options);
    return id;
  }

  /** `undefined`: not yet. `gone`: somebody has taken it out. Throws KubeError. */
  async answerOf(
    id: string,
    options: CallOptions,
  ): Promise<(RequestAnswer & Readonly<Record<string, unknown>>) | 'gone' | undefined> {
    const { data = {} } = await this.#client.configMaps.get(this.namespace, this.name, options);
    const answer = asAnswer(data[id + DONE]);
    if (answer !== undefined) return answer;
    return data[id] === undefined ? 'gone' : undefined;
  }

  /** Takes it back, unless the agent has taken it already: then `false`. Throws KubeError. */
  async withdraw(id: string, options: CallOptions): Promise<boolean> {
    let isOpen = false;
    await this.#change((data) => {
      isOpen = data[id + DONE] === undefined;
      return isOpen ? Object.fromEntries(Object.entries(data).filter(([key]) => key !== id)) : undefined;
    }, options);
    return isOpen;
  }

  /** For the agent: puts its answers in, and takes out what has become old or makes no sense. Throws KubeError. */
  async answer(answers: ReadonlyMap<string, RequestAnswer>, now: number, options: CallOptions): Promise<void> {
    await this.#change((data) => {
      const next: Record<string, string> = { ...data };
      for (const [id, answer] of answers) next[id + DONE] = shortened(answer);
      return tidied(next, now);
    }, options);
  }

  /** Says that it is being worked at. `false`: it was taken before, or withdrawn. When this has resolved, nobody will take it again. Throws KubeError. */
  async claim(id: string, now: number, options: CallOptions): Promise<boolean> {
    let isOurs = false;
    const answer: RequestAnswer = { state: TAKEN, at: new Date(now).toISOString() };
    await this.#change((data) => {
      isOurs = data[id] !== undefined && data[id + DONE] === undefined;
      return isOurs ? tidied({ ...data, [id + DONE]: JSON.stringify(answer) }, now) : undefined;
    }, options);
    return isOurs;
  }

  async read(options: CallOptions): Promise<ConfigMapObject> {
    return await this.#client.configMaps.get(this.namespace, this.name, options);
  }

  async #change(
    /** `undefined`: nothing is written. */
    change: (data: Readonly<Record<string, string>>) => Readonly<Record<string, string>> | undefined,
    options: CallOptions,
  ): Promise<void> {
    const { configMaps } = this.#client;
    for (let round = 1; ; round++) {
      try {
        const { binaryData: _, ...live } = await this.read(options);
        const { managedFields: __, ...metadata } = live.metadata;
        const data = change(live.data ?? {});
        if (data !== undefined) await configMaps.replace({ ...live, metadata, data }, options);
        return;
      } catch (error) {
        if (!isKubeError(error)) throw error;
        if (error.code === 'CONFLICT' && round < WRITE_ROUNDS) continue;
        // Without the install files, a person may make it.
        if (error.code !== 'NOT_FOUND' || error.kind !== 'configmaps') throw error;
        const metadata = { namespace: this.namespace, name: this.name };
        const data = change({});
        if (data !== undefined)
          await configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, options);
        return;
      }
    }
  }
}

/** What is not answered yet; what makes no sense is an `undefined` value, which wants an answer too. */
export function openRequests({ data = {} }: ConfigMapObject): readonly AskedRequest[] {
  return Object.keys(data)
    .filter((id) => ID.test(id) && data[id + DONE] === undefined)
    .slice(0, MOST_OPEN)
    .map((id) => ({ id, value: parse(data[id] ?? '', LONGEST_REQUEST) }));
}

/** When it was claimed, milliseconds by the clock of the agent; `undefined` where it was not, or was answered. */
export function takenAt({ data = {} }: ConfigMapObject, id: string): number | undefined {
  const answer = asAnswer(data[id + DONE]);
  return answer?.state === TAKEN ? Date.parse(answer.at) : undefined;
}

function tidied(data: Readonly<Record<string, string>>, now: number): Readonly<Record<string, string>> {
  const ids = Object.keys(data).filter((id) => ID.test(id));
  const open = ids.filter((id) => data[id + DONE] === undefined).slice(0, MOST_OPEN);
  let bytes = 0;
  const answered = ids
    .flatMap((id) => {
      const at = Date.parse(asAnswer(data[id + DONE])?.at ?? '');
      return now - at < KEPT_MS ? [{ id, at }] : [];
    })
    .toSorted((a, b) => b.at - a.at)
    .slice(0, MOST_ANSWERED)
    .map(({ id }) => id)
    .filter((id) => (bytes += Buffer.byteLength(`${data[id]}${data[id + DONE]}`)) <= MOST_ANSWERED_BYTES);
  const notices = [...noticesIn({ data }).keys()].slice(0, MOST_NOTICES).map(noticeKey);
  const kept = [...open, ...answered, ...answered.map((id) => id + DONE), ...notices];
  return Object.fromEntries(kept.map((key) => [key, data[key] ?? '']));
}

function shortened(answer: RequestAnswer): string {
  const text = JSON.stringify(answer);
  return text.length <= LONGEST_ANSWER ? text : JSON.stringify({ state: answer.state, at: answer.at, cut: true });
}

function asAnswer(text: string | undefined): (RequestAnswer & Readonly<Record<string, unknown>>) | undefined {
  const value = text === undefined ? undefined : parse(text, 2 * LONGEST_ANSWER);
  if (typeof value !== 'object' || value === null) return undefined;
  const { state, at, ...rest } = value as Readonly<Record<string, unknown>>;
  return typeof state === 'string' && typeof at === 'string' ? { ...rest, state, at } : undefined;
}

function parse(text: string, longest: number): unknown {
  if (text.length > longest) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
