import { refreshAll } from '@hikyaku/engine';
import { openRestarts } from '../daemon/restarts.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { checkGrants } from '../grants/check-grants.ts';
import { countUndecided } from '../identity/here.ts';
import { openOneShot } from '../one-shot.ts';
import type { OneShotOptions } from '../one-shot.ts';
import { clusterText } from '../output/cluster-text.ts';
import { count } from '../output/count.ts';
import { grantsJson, grantsText } from '../output/grants-text.ts';
import { Progress, readingText } from '../output/progress.ts';
import { pushesJson, pushesText } from '../output/pushes-text.ts';
import { restartsJson, restartsText } from '../output/restarts-text.ts';
import { sourcesJson, sourcesText } from '../output/sources-text.ts';
import { styleFor } from '../output/style.ts';
import { hasProblemRecords, syncText } from '../output/sync-text.ts';
import { undecidedJson, undecidedText } from '../output/undecided-text.ts';

export interface SyncOptions extends OneShotOptions {
  readonly approve?: boolean;
}

/** Reads every source, writes what differs and pushes, once. */
export async function sync(options: SyncOptions, edge: Edge): Promise<ExitCode> {
  const started = performance.now();
  const { stdout, signal } = edge;
  using progress = new Progress(edge, !options.json);
  const written = () => `${records.secrets.size} of ${count(config.secrets.length, 'Secret')}`;
  const onRecord = () => progress.show(readingText(records.sources, agent.sources.keys()) ?? written());
  await using oneShot = await openOneShot(options, edge, { onRecord });
  const { config, undecided, held, cluster, agent, records } = oneShot;

  progress.show(`reading ${count(agent.sources.size, 'source')}`);
  await refreshAll({ sources: agent.sources, report: records }, { signal });
  // What is being written when the person interrupts is finished: the second signal cuts it off.
  const cut = new AbortController();
  const request = { resync: true, approved: options.approve ?? false, stopping: signal, signal: cut.signal };
  await agent.reconciler.reconcile(request);
  await Promise.all(agent.parts.pushes.bySource.map((pushes) => pushes.push(request)));
  await openRestarts({ agent, cluster, report: records, held: () => held }).once(edge);
  const grants = held && (await checkGrants(config, options, held));
  progress.clear();
  signal.throwIfAborted();

  const failed =
    hasProblemRecords(records.secrets.values()) ||
    hasProblemRecords(records.pushes.values()) ||
    hasProblemRecords(records.restarts.values()) ||
    records.hasFailedSource ||
    countUndecided(undecided) > 0;
  if (options.json) {
    const secrets = [...records.secrets.values()]
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, ...rest }) => ({ secret: id, ...rest }));
    const document = {
      cluster: cluster.name,
      agent: cluster.access.agent,
      sources: sourcesJson(records.sources),
      secrets,
      ...pushesJson(records.pushes.values()),
      ...restartsJson(records.restarts.values()),
      ...undecidedJson(undecided),
      ...(grants && { grants: grantsJson(grants) }),
    };
    stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    const style = styleFor(edge, stdout);
    stdout.write(
      clusterText(cluster, style) +
        `${sourcesText(records.sources, style)}\n` +
        syncText(records.secrets.values(), (performance.now() - started) / 1000, style) +
        restartsText(records.restarts.values(), style) +
        pushesText(records.pushes.values(), style) +
        undecidedText(undecided, style) +
        (grants === undefined ? '' : grantsText(grants, style)),
    );
  }
  return failed ? EXIT.failed : EXIT.fine;
}
