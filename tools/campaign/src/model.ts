import type { Random } from './random.ts';

/** One entry of the config: where its keys come from. */
export interface Entry {
  readonly id: string;
  readonly source: SourceName;
  /** By key: the name at the source. Absent: everything of the source. */
  readonly data?: Readonly<Record<string, string>>;
  readonly whenRemoved: 'delete' | 'keep';
}

export type SourceName = 'homelab' | 'shared';
export const SOURCES: readonly SourceName[] = ['homelab', 'shared'];
export const NAMESPACES = ['web', 'worker', 'batch'] as const;

/** Names that come and go; the others are asked for by name and stay. */
const COMING_AND_GOING = ['EXTRA_1', 'EXTRA_2'];
const STAYING = ['A', 'B', 'C', 'D', 'E', 'F'];

const ENTRIES: readonly Entry[] = NAMESPACES.flatMap((namespace): readonly Entry[] => [
  { id: `${namespace}/everything`, source: 'homelab', whenRemoved: 'delete' },
  { id: `${namespace}/some`, source: 'shared', data: { user: 'A', password: 'B' }, whenRemoved: 'delete' },
  { id: `${namespace}/kept`, source: 'homelab', data: { token: 'C' }, whenRemoved: 'keep' },
  { id: `${namespace}/fought`, source: 'shared', data: { c: 'C', d: 'D', e: 'E' }, whenRemoved: 'delete' },
]);

/** What is at the sources and in the config, and what was at any time: nothing else may ever stand in a Secret. */
export class Model {
  readonly sources: Record<SourceName, Map<string, string>> = { homelab: new Map(), shared: new Map() };
  entries: readonly Entry[] = ENTRIES;
  /** `<source> <name>`: all values that it has had. */
  readonly #values = new Map<string, Set<string>>();
  readonly #random: Random;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
    for (const source of SOURCES) for (const name of [...STAYING, ...COMING_AND_GOING]) this.set(source, name);
  }

  /** A new value. */
  set(source: SourceName, name: string): string {
    const value = `${source}-${name}-${++this.#count}`;
    this.sources[source].set(name, value);
    const key = `${source} ${name}`;
    this.#values.set(key, (this.#values.get(key) ?? new Set()).add(value));
    return value;
  }

  changeSomething(): { readonly source: SourceName; readonly name: string; readonly value: string | undefined } {
    const source = this.#random.pick(SOURCES);
    const name = this.#random.pick([...STAYING, ...COMING_AND_GOING]);
    if (COMING_AND_GOING.includes(name) && this.sources[source].delete(name)) return { source, name, value: undefined };
    return { source, name, value: this.set(source, name) };
  }

  /** One entry leaves the config, or those that had left come back. */
  editEntries(): string {
    const left = this.entries.length < ENTRIES.length;
    const gone = this.#random.pick(ENTRIES);
    this.entries = left ? ENTRIES : ENTRIES.filter((entry) => entry !== gone);
    return left ? 'all entries are back' : `without ${gone.id}`;
  }

  entryOf(id: string): Entry | undefined {
    return ENTRIES.find((entry) => entry.id === id);
  }

  get ids(): readonly string[] {
    return ENTRIES.map(({ id }) => id);
  }

  isWanted(id: string): boolean {
    return this.entries.some((entry) => entry.id === id);
  }

  /** What the Secret has to hold when nothing is wrong. */
  wanted({ source, data }: Entry): Readonly<Record<string, string>> {
    const values = this.sources[source];
    if (data === undefined) return Object.fromEntries(values);
    return Object.fromEntries(Object.entries(data).map(([key, name]) => [key, values.get(name) ?? '']));
  }

  /** Whether the source has ever had this for the key. */
  isOurs({ source, data }: Entry, key: string, value: string): boolean {
    const name = data === undefined ? key : data[key];
    return name !== undefined && (this.#values.get(`${source} ${name}`)?.has(value) ?? false);
  }

  /** The config file. */
  config(urls: Readonly<Record<SourceName, string>>): string {
    const providers = Object.fromEntries(
      SOURCES.map((source) => [
        source,
        {
          type: 'doppler',
          url: urls[source],
          project: source,
          config: 'prd',
          token: { file: `./${source}-token` },
          refresh: '2s',
        },
      ]),
    );
    const secrets = this.entries.map(({ id, source, data, whenRemoved }) => {
      const [namespace, name] = id.split('/');
      return { name, namespace, from: source, whenRemoved, ...(data && { data }) };
    });
    return JSON.stringify({ resync: '5s', providers, secrets }, null, 2);
  }
}
