import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import type { Engine } from '@hikyaku/engine';
import { OWN, putEvent, RequestsObject, StatusObject } from '@hikyaku/kubernetes';
import type { Cluster } from '../connect-cluster.ts';
import type { SealedValues } from '../credentials/sealed-values.ts';
import { countUndecided } from '../identity/here.ts';
import type { NewRecord, Records } from '../records.ts';
import { answerApproval, approvalQueue } from '../status/answer-approval.ts';
import { answerRefresh } from '../status/answer-refresh.ts';
import { buildStatus, holdsOf, iso } from '../status/build-status.ts';
import type { BuildStatus, StatusFeed } from '../status/status-feed.ts';
import { usedCredentials } from '../status/used-credentials.ts';
import { version } from '../version.ts';
import { EventWriter } from './event-writer.ts';
import { followRequests } from './follow-requests.ts';
import type { LiveConfig } from './live-config.ts';
import { StatusWriter } from './status-writer.ts';
import type { Vitals } from './vitals.ts';

export interface StatusAndRequestsOptions {
  readonly engine: Engine;
  readonly live: LiveConfig;
  readonly cluster: Cluster;
  readonly sealed: SealedValues;
  readonly records: Records;
  readonly vitals: Vitals;
  readonly feed: StatusFeed;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What passes between the agent and people, by ConfigMaps of its namespace: its status, what they ask, and what they approve. */
export class StatusAndRequests {
  readonly #options: StatusAndRequestsOptions;
  readonly #status: StatusWriter;
  readonly #build: BuildStatus;
  readonly #events: EventWriter;

  private constructor(options: StatusAndRequestsOptions) {
    const { cluster, live, sealed, records, vitals, logger, clock } = options;
    this.#options = options;
    this.#build = (withTimes) => {
      const { config, digest, loadedAt, cluster: recipient, undecided } = live.current;
      const { problem } = live;
      const leader = vitals.election?.leader;
      const undecidedEntries = countUndecided(undecided);
      const { publicKeys = [] } = sealed.identity;
      return buildStatus({
        agent: {
          version,
          startedAt: iso(performance.timeOrigin),
          ...(leader !== undefined && leader !== '' && { leader }),
          ...(publicKeys.length > 0 && { publicKeys }),
        },
        about: {
          digest,
          loadedAt: iso(loadedAt),
          ...(recipient !== undefined && { cluster: recipient }),
          ...(undecidedEntries > 0 && { undecided: undecidedEntries }),
          ...(problem !== undefined && { problem }),
        },
        config,
        records,
        ...(withTimes && { credentials: usedCredentials(config, recipient, sealed.usedAt) }),
        withTimes,
        now: clock.now(),
      });
    };
    const isComplete = () => vitals.ready().length === 0;
    const object = new StatusObject(cluster.client, cluster.access);
    this.#status = new StatusWriter({ object, isComplete, build: this.#build, logger, clock });
    this.#events = new EventWriter({
      put: (event, { signal }) =>
        putEvent(cluster.client, event, { namespace: cluster.access.agent, at: clock.now(), signal }),
      isComplete,
      build: () => this.#build(false),
      logger,
      clock,
    });
  }

  /** Goes on from what an earlier process has written. Before the engine runs. */
  static async open(options: StatusAndRequestsOptions, call: CallOptions): Promise<StatusAndRequests> {
    const opened = new StatusAndRequests(options);
    const before = await opened.#status.open(options.records.moments, call);
    if (before !== undefined) opened.#events.remember(before);
    return opened;
  }

  /** Until the signal aborts. Rejects only with a bug. */
  async run({ signal }: CallOptions): Promise<void> {
    const { engine, live, cluster, records, vitals, feed, logger, clock } = this.#options;
    const { client, access } = cluster;
    const object = (name: string) => new RequestsObject(client, { namespace: access.agent, name });
    const config = () => live.current.config;
    const writeStatus = (options: CallOptions) => this.#status.writeNow(options);
    const refreshes = { engine, records, config, writeStatus, logger, clock };
    const holds = () => holdsOf(config(), records);
    const approvals = { engine, holds, records, isReady: () => vitals.ready().length === 0, logger, clock };
    const stops = [records.listen((said) => feed.changed(said)), feed.listen((said) => this.#tell(said))];
    using _ = feed.open(this.#build);
    try {
      await Promise.all([
        this.#status.run({ signal }),
        this.#events.run({ signal }),
        this.#noticeConfigs(signal),
        followRequests(
          {
            client,
            object: object(OWN.request),
            answer: (request, options) => answerRefresh(request, refreshes, options),
            logger,
            clock,
          },
          { signal },
        ),
        followRequests(
          {
            client,
            object: object(OWN.approval),
            answer: (request, options) => answerApproval(request, approvals, options),
            queueOf: approvalQueue,
            logger,
            clock,
          },
          { signal },
        ),
      ]);
    } finally {
      for (const stop of stops) stop();
    }
  }

  #tell(said: NewRecord | undefined): void {
    this.#status.changed();
    this.#events.changed(said);
  }

  async #noticeConfigs(signal: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    while (!signal.aborted) {
      await Promise.race([this.#options.live.told, over]);
      this.#options.feed.changed();
    }
  }
}
