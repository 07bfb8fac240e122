import type { LiveSecret } from '@hikyaku/testbed';
import type { Entry } from './model.ts';
import type { World } from './world.ts';

type Secrets = ReadonlyMap<string, LiveSecret>;

const AGENT_LABEL = 'hikyaku.dev/agent';

/** What must hold at every moment, whatever is wrong; and what must be so when nothing is. */
export class Watch {
  readonly #world: World;
  /** As they were when they were last looked at. */
  #before: Secrets = new Map();
  /** Somebody has changed them since they were last right. */
  readonly #tampered = new Set<string>();
  /** Not the agent's: with the resourceVersion that must stay. */
  readonly #theirs = new Map<string, string>();
  /** Entries that may have been out of the config since they were last looked at. */
  readonly #unwanted = new Set<string>();
  readonly #goneNamespaces = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  async begin(): Promise<void> {
    this.namespaceMade('', await this.#world.secrets());
  }

  /** Before somebody changes or deletes it. */
  tampered(id: string): void {
    this.#tampered.add(id);
  }

  /** It belongs to somebody else from now on. */
  taken(id: string, resourceVersion: string): void {
    this.#theirs.set(id, resourceVersion);
  }

  /** Somebody has changed it, whosever it is. */
  changedByPeople(id: string, resourceVersion: string): void {
    if (this.#theirs.has(id)) this.taken(id, resourceVersion);
  }

  /** Somebody has deleted it. */
  gone(id: string): void {
    this.#theirs.delete(id);
  }

  get theirs(): readonly string[] {
    return [...this.#theirs.keys()].filter((id) => !this.#world.isForeign(id));
  }

  handedOver(id: string): void {
    this.#theirs.delete(id);
    this.#tampered.add(id);
  }

  /** What somebody else made without our label is theirs. */
  seen(id: string, secrets: Secrets): void {
    const secret = secrets.get(id);
    if (secret !== undefined && secret.labels[AGENT_LABEL] !== 'hikyaku') this.taken(id, secret.resourceVersion);
  }

  namespaceGone(namespace: string): void {
    this.#goneNamespaces.add(namespace);
    for (const id of this.#theirs.keys()) if (id.startsWith(`${namespace}/`)) this.#theirs.delete(id);
  }

  namespaceMade(namespace: string, secrets: Secrets): void {
    this.#goneNamespaces.delete(namespace);
    const before = new Map(this.#before);
    for (const id of before.keys()) if (id.startsWith(`${namespace}/`)) before.delete(id);
    this.#before = before;
    for (const [id, { resourceVersion }] of secrets)
      if (this.#world.isForeign(id) && id.startsWith(namespace)) this.#theirs.set(id, resourceVersion);
  }

  /** What does not hold; none is what we want. */
  async violations(): Promise<readonly string[]> {
    const { model } = this.#world;
    for (const id of model.ids) if (!model.isWanted(id)) this.#unwanted.add(id);
    const now = await this.#world.secrets();
    const wrong: string[] = [];
    for (const [id, resourceVersion] of this.#theirs) {
      const live = now.get(id);
      if (live === undefined) wrong.push(`${id}, which is somebody else's, was deleted`);
      else if (live.resourceVersion !== resourceVersion) wrong.push(`${id}, which is somebody else's, was changed`);
    }
    for (const [id, live] of now) {
      if (this.#theirs.has(id)) continue;
      const entry = model.entryOf(id);
      if (entry === undefined) wrong.push(`${id} was made, and nobody has asked for it`);
      else if (!this.#tampered.has(id)) wrong.push(...this.#wrongKeys(id, entry, live));
    }
    for (const [id, before] of this.#before) {
      if (now.has(id) || this.#theirs.has(id) || this.#tampered.has(id) || this.#unwanted.has(id)) continue;
      if (!this.#goneNamespaces.has(id.split('/')[0] ?? '')) wrong.push(`${id} is lost (it was ${before.uid})`);
    }
    this.#before = now;
    for (const id of this.#unwanted) if (model.isWanted(id) && now.has(id)) this.#unwanted.delete(id);
    return wrong;
  }

  /** What is not yet as it has to be when nothing is wrong. */
  async unequal(): Promise<readonly string[]> {
    const { model } = this.#world;
    const now = await this.#world.secrets();
    const open: string[] = [];
    for (const id of model.ids) {
      const entry = model.entryOf(id);
      if (entry === undefined || this.#theirs.has(id)) continue;
      const live = now.get(id);
      if (model.isWanted(id)) {
        const wanted = sorted(model.wanted(entry));
        if (live === undefined) open.push(`${id} is missing`);
        else if (sorted(live.data) !== wanted) open.push(`${id} has ${sorted(live.data)} and not ${wanted}`);
      } else if (entry.whenRemoved === 'delete' && live !== undefined) open.push(`${id} should be gone`);
    }
    return open;
  }

  /** Everything is as it has to be: whatever differs from now on has a new cause. */
  async settled(): Promise<void> {
    // What nothing wants any more, and is kept, stays as people have left it.
    for (const id of this.#tampered) if (this.#world.model.isWanted(id)) this.#tampered.delete(id);
    this.#before = await this.#world.secrets();
  }

  #wrongKeys(id: string, entry: Entry, live: LiveSecret): readonly string[] {
    const { model } = this.#world;
    const wrong: string[] = [];
    for (const [key, value] of Object.entries(live.data))
      if (!model.isOurs(entry, key, value)) wrong.push(`${id} has ${key}=${value}, which its source never had`);
    const wanted = model.wanted(entry);
    for (const key of Object.keys(this.#before.get(id)?.data ?? {}))
      if (!(key in live.data) && key in wanted && this.#before.get(id)?.uid === live.uid)
        wrong.push(`${id} has lost its key ${key}, which its source has`);
    if (Object.keys(live.data).length === 0) wrong.push(`${id} is empty`);
    return wrong;
  }
}

function sorted(data: Readonly<Record<string, string>>): string {
  return Object.entries(data)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
