/** Every call takes a signal: when it aborts, the call rejects with the signal's reason, soon and without side effects of its own. */
export interface CallOptions {
  readonly signal: AbortSignal;
}
