import type { ProviderErrorCode } from '@hikyaku/core';
import type { Fault } from './fixture.ts';

export interface FaultMeaning {
  /** In a title: "an outage is UNAVAILABLE". */
  readonly text: string;
  /** The codes that say it; none: it is no failure. */
  readonly codes: readonly ProviderErrorCode[];
  /** Whether trying again soon may help; absent: both can be argued for. */
  readonly retryable?: boolean;
}

/** What each fault means to the agent. */
export const FAULTS: Readonly<Record<Fault, FaultMeaning>> = {
  unauthenticated: { text: 'a refused credential', codes: ['UNAUTHENTICATED'], retryable: false },
  forbidden: { text: 'a missing permission', codes: ['FORBIDDEN'], retryable: false },
  notFound: { text: 'a project that is not there', codes: ['NOT_FOUND'], retryable: false },
  rateLimited: { text: 'too many requests', codes: ['RATE_LIMITED'], retryable: true },
  unavailable: { text: 'an outage', codes: ['UNAVAILABLE'], retryable: true },
  hang: { text: 'silence', codes: ['UNAVAILABLE'], retryable: true },
  reset: { text: 'a reset connection', codes: ['UNAVAILABLE'], retryable: true },
  cut: { text: 'an answer cut in its middle', codes: ['UNAVAILABLE', 'INVALID_RESPONSE'], retryable: true },
  truncated: { text: 'half an answer', codes: ['INVALID_RESPONSE', 'UNAVAILABLE'], retryable: true },
  shortList: { text: 'a list that is too short', codes: ['INVALID_RESPONSE', 'UNAVAILABLE'], retryable: true },
  wrongType: { text: 'an answer of the wrong type', codes: ['INVALID_RESPONSE'], retryable: true },
  page: { text: 'a page in place of an answer', codes: ['INVALID_RESPONSE'], retryable: true },
  redirect: { text: 'a redirect', codes: ['INVALID_RESPONSE', 'FORBIDDEN'] },
  slow: { text: 'a slow answer', codes: [] },
};

/** Milliseconds; more than a provider waits by itself. */
export const RETRY_AFTER_MS = 40_000;

/** Those that are failures, in the order of the table. */
export const failures: readonly Fault[] = (Object.keys(FAULTS) as Fault[]).filter(
  (fault) => FAULTS[fault].codes.length > 0,
);
