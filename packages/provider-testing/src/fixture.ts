import type { Clock } from '@hikyaku/core';
import type { ContextOptions } from './create-context.ts';

export type Awaitable<T> = T | Promise<T>;

/**
 * A service to test a provider against, and what the suite may do to it. Everything after `present` is a hook: one that is
 * absent leaves its checks out, and the suite says so. Give what your fake can do; most of the contract is about failures.
 */
export interface Fixture extends Partial<AsyncDisposable> {
  /** The source's part of the config file, without `type` and without credentials; it goes through the provider's schema. */
  readonly config: object;
  /** By the path of the field. With a function: it is asked each time, with the text that was refused. */
  readonly credentials?: ContextOptions['credentials'];
  /** Instead of credentials, or besides them: the cluster's name, tokens of its ServiceAccount, and the key that signs assertions. */
  readonly cluster?: ContextOptions['cluster'];
  readonly serviceAccountTokens?: ContextOptions['serviceAccountTokens'];
  readonly signingKey?: ContextOptions['signingKey'];
  /** What the service was given to prove who asks, and has given out, beyond these: no error and no log line may hold it. */
  tokens?(): readonly string[];
  readonly files?: ContextOptions['files'];
  /** PEM: certificates to trust. */
  readonly ca?: string;
  /**
   * A `FakeClock`, where the service must have the same time as the provider: the suite moves it on. `systemClock`, where the
   * provider waits for something real, such as a file system. By default a fake clock that begins now.
   */
  readonly clock?: Clock & { advance?(ms: number): Promise<void> };
  /** Milliseconds of real time that a call may take before the suite gives up on it; 4000 by default. */
  readonly patienceMs?: number;

  /** A secret that is there from the start. A value of at least 8 characters can be searched for in errors. */
  readonly present: { readonly name: string; readonly value: string | Uint8Array };
  /**
   * A name that the service allows and nobody uses, a different one for each number; 0 is never made.
   * `<name of present>_<number>` by default.
   */
  spareName?(number: number): string;

  /** The names of everything that the source holds now: what a read of everything must give, no more and no less. */
  all?(): Awaitable<readonly string[]>;
  /** Makes or changes a secret in the service, as a person would. */
  set?(name: string, value: Uint8Array): Awaitable<void>;
  /** Removes a secret in the service, as a person would. */
  remove?(name: string): Awaitable<void>;
  /** An older version that can be pinned; the latest version of that name has another value. */
  readonly pinned?: { readonly name: string; readonly version: string; readonly value: string | Uint8Array };

  /** From now on this one secret cannot be read, while the others can. */
  unreadable?(name: string): Awaitable<void>;
  /** From now on the service fails in this way, until `recover`. */
  readonly faults?: Faults;
  /** The service works again: ends faults and `unreadable`. */
  recover?(): Awaitable<void>;
  /** From now on the service refuses the credential that was used so far, and `credentials` give a new one. */
  rotate?(): Awaitable<void>;
  /** How many requests the service has received. */
  requests?(): number;

  /** Unusual names that the service allows: the longest, with dots, slashes, spaces, in Japanese. */
  readonly names?: readonly string[];
  /** The size, in bytes, of the largest value that the service takes. */
  readonly largest?: number;
  /** Values may be any bytes, also those that are no text. */
  readonly binary?: boolean;
  /** A value may be empty. */
  readonly empty?: boolean;
  /** Whether a value may be this text; any by default. For formats with no way to write some, such as a carriage return. */
  canHold?(text: string): boolean;
}

/** Ways to fail, each begun by a function. */
export interface Faults {
  /** The credential is refused: 401. */
  unauthenticated?(): Awaitable<void>;
  /** The credential is good, but may not do this: 403. */
  forbidden?(): Awaitable<void>;
  /** The project, vault or directory is not there: 404. */
  notFound?(): Awaitable<void>;
  /** 429 that asks to come back after so many milliseconds (whole seconds, more than a provider waits by itself). */
  rateLimited?(retryAfterMs: number): Awaitable<void>;
  /** 500, 502 or 503; give the one with a proxy's page as its body, if there is a choice. */
  unavailable?(): Awaitable<void>;
  /** Requests are read, and nothing comes. */
  hang?(): Awaitable<void>;
  /** The connection is reset. */
  reset?(): Awaitable<void>;
  /** The right answer, and in its middle the connection is cut. */
  cut?(): Awaitable<void>;
  /** Half of the right answer, as if it were all of it. */
  truncated?(): Awaitable<void>;
  /** Fewer secrets than the answer itself says there are, or than its format always has. */
  shortList?(): Awaitable<void>;
  /** An answer in the right syntax of the wrong shape: a list for an object, a number for a text. */
  wrongType?(): Awaitable<void>;
  /** Status 200 and a page in HTML, as proxies and login pages do it. */
  page?(): Awaitable<void>;
  /** A redirect to this address, of another origin. */
  redirect?(to: string): Awaitable<void>;
  /** The right answer in small pieces, which takes less time than a provider waits. */
  slow?(): Awaitable<void>;
}

export type Fault = keyof Faults;

/** A fixture for all checks, or a function that opens a fresh one for each check; it is disposed after the check. */
export type Setup = Fixture | (() => Awaitable<Fixture>);

/**
 * What checks can depend on: a hook of the fixture, a fault, an optional method of the provider's client (`close` is
 * `Symbol.asyncDispose`), or something that reads show: `progress` was called, secrets have `versions`.
 */
export type Need =
  | 'all'
  | 'set'
  | 'remove'
  | 'pinned'
  | 'unreadable'
  | 'faults'
  | `faults.${Fault}`
  | 'recover'
  | 'rotate'
  | 'requests'
  | 'names'
  | 'largest'
  | 'binary'
  | 'empty'
  | 'list'
  | 'write'
  | 'watch'
  | 'close'
  | 'progress'
  | 'versions';
