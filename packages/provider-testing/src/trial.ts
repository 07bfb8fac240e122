import type { Provider, SourceDescription } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import { Connection } from './connection.ts';
import { ContractFailure } from './contract-failure.ts';
import { createContext } from './create-context.ts';
import { RETRY_AFTER_MS } from './faults.ts';
import type { Hidden } from './leak-finder.ts';
import type { Fault, Fixture, Need, Setup } from './fixture.ts';
import { parseConfig } from './parse-config.ts';
import { bytesOf, TEXTS } from './sample.ts';
import { settle } from './settle.ts';
import type { Pace, Settled } from './settle.ts';
import { hasAbility, hasHook, isAbility } from './needs.ts';
import { openTrap } from './trap.ts';
import type { Trap } from './trap.ts';

/** One check's fixture, and connections to it. */
export class Trial implements AsyncDisposable {
  readonly provider: Provider;
  readonly fixture: Fixture;
  readonly clock: NonNullable<Fixture['clock']>;
  /** Aborts when the check is over, or is to stop. */
  readonly over: AbortSignal;
  readonly #end = new AbortController();
  readonly #connections: Connection[] = [];
  readonly #made = new Set<string>();
  readonly #values: Hidden[] = [];
  readonly #credentials: readonly Hidden[];
  #trap: Trap | undefined;
  #pace: Pace = 'careful';

  private constructor(provider: Provider, fixture: Fixture, signal: AbortSignal | undefined) {
    this.provider = provider;
    this.fixture = fixture;
    this.over = signal === undefined ? this.#end.signal : AbortSignal.any([signal, this.#end.signal]);
    this.#credentials = this.#readCredentials();
    // Certificates and the dates of answers are of today.
    this.clock = fixture.clock ?? new FakeClock(Date.now());
    for (const { name, value } of [fixture.present, fixture.pinned ?? []].flat())
      this.#values.push({ what: `the value of '${name}'`, bytes: bytesOf(value), random: false });
  }

  static async open(provider: Provider, setup: Setup, signal?: AbortSignal): Promise<Trial> {
    return new Trial(provider, typeof setup === 'function' ? await setup() : setup, signal);
  }

  get present(): { readonly name: string; readonly bytes: Uint8Array } {
    const { name, value } = this.fixture.present;
    return { name, bytes: bytesOf(value) };
  }

  /** All values and credentials in play, those of the beginning and those of now. */
  hidden(): readonly Hidden[] {
    return [...this.#credentials, ...this.#readCredentials(), ...this.#values];
  }

  #readCredentials(): readonly Hidden[] {
    const { credentials = {}, serviceAccountTokens = {}, signingKey } = this.fixture;
    const texts = [
      ...Object.entries(credentials).map(([path, credential]) => [`the credential '${path}'`, credential] as const),
      ...Object.entries(serviceAccountTokens).map(([audience, token]) => [`the token for ${audience}`, token] as const),
      ...(signingKey === undefined ? [] : [['the signing key', signingKey] as const]),
      ...(this.fixture.tokens?.() ?? []).map((token) => ['a token of the service', token] as const),
    ];
    return texts.map(([what, text]): Hidden => {
      const now = typeof text === 'string' ? text : text(undefined);
      return { what, bytes: bytesOf(now), random: false };
    });
  }

  get connections(): readonly Connection[] {
    return this.#connections;
  }

  /** A name that nobody uses; the number 0 is for what is never made. */
  spare(number: number): string {
    return this.fixture.spareName?.(number) ?? `${this.fixture.present.name}_${number}`;
  }

  /** Texts that something between the service and the cluster may want to change. */
  get texts(): readonly string[] {
    return TEXTS.filter((text) => this.fixture.canHold?.(text) ?? true);
  }

  /** Checks the config as the agent does. */
  parseConfig(): Promise<unknown> {
    return parseConfig(this.provider, this.fixture.config);
  }

  /** Opens another connection, as after a restart. */
  async connect(): Promise<Connection> {
    const config = await this.parseConfig();
    const description = this.provider.describe(config);
    const context = this.#createContext(description);
    const settled = await this.settle(
      Promise.resolve().then(() => this.provider.connect(config, context)),
      'connect',
    );
    if ('error' in settled) throw settled.error;
    const connection = new Connection({ client: settled.value, context, description, trial: this });
    this.#connections.push(connection);
    return connection;
  }

  #createContext(description: SourceDescription): Connection['context'] {
    const { credentials, cluster, serviceAccountTokens, signingKey, files } = this.fixture;
    const ca = this.fixture.ca ?? description.ca;
    return createContext({
      clock: this.clock,
      origins: description.origins,
      ...(credentials && { credentials }),
      ...(cluster !== undefined && { cluster }),
      ...(serviceAccountTokens && { serviceAccountTokens }),
      ...(signingKey !== undefined && { signingKey }),
      ...(files && { files }),
      ...(ca !== undefined && { ca }),
    });
  }

  /** How a call ends, with time moved on. Throws when it does not end. */
  async settle<T>(promise: Promise<T>, what: string, pace: Pace = this.#pace): Promise<Exclude<Settled<T>, 'pending'>> {
    const patienceMs = this.fixture.patienceMs ?? 4000;
    const settled = await settle(promise, { clock: this.clock, patienceMs, pace, activity: () => this.#activity() });
    if (settled !== 'pending') return settled;
    throw new ContractFailure({
      got: `\`${what}\` has not ended after ${patienceMs / 1000} s${this.clock.advance !== undefined && pace !== 'real' && pace !== 'still' ? ', though its clock was moved on by minutes' : ''}`,
      expected:
        'every call ends: with deadlines that sleep on the `clock` of its context, and when its signal aborts. A fixture that needs more time says so in `patienceMs`',
    });
  }

  #activity(): number {
    return this.#connections.reduce((sum, { context }) => sum + context.requests.length, 0);
  }

  /** Makes or changes a secret as a person would; it is removed after the check, where that is possible. */
  async set(name: string, value: string | Uint8Array): Promise<Uint8Array> {
    const bytes = bytesOf(value);
    this.made(name, bytes);
    await this.fixture.set?.(name, bytes);
    return bytes;
  }

  /** Remembers what a check has made, so that it is removed after it and is searched for in errors. */
  made(name: string, value: Uint8Array): void {
    this.#made.add(name);
    this.#values.push({ what: `the value of '${name}'`, bytes: value, random: true });
  }

  /** The service fails from now on. */
  async begin(fault: Fault): Promise<void> {
    const { faults = {} } = this.fixture;
    this.#pace = fault === 'hang' ? 'silence' : 'quick';
    if (fault === 'rateLimited') await faults.rateLimited?.(RETRY_AFTER_MS);
    else if (fault === 'redirect') await faults.redirect?.((await this.openTrap()).url);
    else await faults[fault]?.();
  }

  /** The service works again. */
  async recover(): Promise<void> {
    await this.fixture.recover?.();
    this.#pace = 'careful';
  }

  /** Where redirects lead. */
  async openTrap(): Promise<Trap> {
    this.#trap ??= await openTrap();
    return this.#trap;
  }

  /** Whether a check can have what it needs. */
  async has(need: Need): Promise<boolean> {
    if (isAbility(need)) return hasAbility(this.#connections[0] ?? (await this.connect()), need, this.fixture);
    return hasHook(this.fixture, need);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#clean();
    } finally {
      this.#end.abort();
      for (const connection of this.#connections) await connection[Symbol.asyncDispose]();
      await this.#trap?.[Symbol.asyncDispose]();
      await this.fixture[Symbol.asyncDispose]?.();
    }
  }

  async #clean(): Promise<void> {
    await this.recover();
    const { fixture, present } = this;
    const [connection] = this.#connections;
    for (const name of this.#made) {
      if (name === present.name) continue;
      if (fixture.remove !== undefined) await fixture.remove(name);
      else if (connection?.client.write !== undefined) await connection.tryWrite([{ name, remove: true }]);
    }
  }
}
