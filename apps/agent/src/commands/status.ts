import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { Progress } from '../output/progress.ts';
import { shellFlag } from '../output/shell-word.ts';
import { StatusScreen } from '../output/status-screen.ts';
import { statusJson } from '../output/status-json.ts';
import { statusOneText } from '../output/status-one-text.ts';
import type { StatusTextOptions } from '../output/status-text.ts';
import { statusText } from '../output/status-text.ts';
import { styleFor } from '../output/style.ts';
import { reachAgent } from '../status/ask-agent.ts';
import type { ReachedAgent } from '../status/ask-agent.ts';
import { followStatus } from '../status/follow-status.ts';
import { isClusterWell, lookAtStatus, reachOrSay } from '../status/look-at-status.ts';
import type { ClusterReport } from '../status/look-at-status.ts';
import { hasAny, onlyStatus } from '../status/only-status.ts';
import { sealedDates } from '../status/sealed-dates.ts';
import type { SealedDate } from '../status/sealed-dates.ts';
import { UserError } from '../user-error.ts';

export interface StatusOptions extends LoadConfigOptions {
  readonly contexts?: readonly string[];
  readonly watch?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Shows what the running agents say of everything, in one cluster or in several. */
export async function status(what: string | undefined, options: StatusOptions, edge: Edge): Promise<ExitCode> {
  const { contexts, context, json = false, watch = false } = options;
  if (contexts !== undefined && context !== undefined)
    throw new UserError('--context and --contexts do not go together: name all of them in --contexts');
  await using stack = new AsyncDisposableStack();
  const reached = (contexts ?? [context]).map((name) => {
    const one =
      name === undefined || contexts === undefined
        ? { agent: reachAgent(options, edge) }
        : reachOrSay(name, options, edge);
    if ('agent' in one) stack.use(one.agent);
    return one;
  });
  const credentials = what === undefined ? await sealedDates(options, edge) : [];
  if (watch) {
    await watched(what, reached, credentials, options, edge);
    return EXIT.interrupted;
  }

  using progress = new Progress(edge, !json);
  progress.show(`asking ${reached.map((one) => ('agent' in one ? one.agent.cluster : one.report.cluster)).join(', ')}`);
  const looked = await Promise.all(
    reached.map(async (one) =>
      'agent' in one ? await lookAtStatus(one.agent, { timeoutMs: options.timeout, signal: edge.signal }) : one.report,
    ),
  );
  progress.clear();
  const reports = what === undefined ? looked : looked.map((report) => onlyStatus(what, report));
  const [first] = reports;
  // Nothing but one line to be said.
  if (reports.length === 1 && first?.status === undefined && !json)
    throw new UserError(first?.problem ?? 'nothing is known', EXIT.failed);
  const isTold = what === undefined || reports.some(hasAny);
  if (!isTold && reports.every((report) => report.status !== undefined))
    throw new UserError(notThere(what, looked), EXIT.failed);
  const text = json
    ? `${JSON.stringify(statusJson(reports, credentials), null, 2)}\n`
    : textOf(what, reports, credentials, textOptions(options, edge));
  edge.stdout.write(text);
  return reports.every(isClusterWell) ? EXIT.fine : EXIT.failed;
}

function textOf(
  what: string | undefined,
  reports: readonly ClusterReport[],
  credentials: readonly SealedDate[],
  options: StatusTextOptions,
): string {
  return what === undefined ? statusText(reports, credentials, options) : statusOneText(reports, options);
}

/** Until somebody interrupts it. */
async function watched(
  what: string | undefined,
  reached: readonly ({ readonly agent: ReachedAgent } | { readonly report: ClusterReport })[],
  credentials: readonly SealedDate[],
  options: StatusOptions,
  edge: Edge,
): Promise<void> {
  const { signal } = edge;
  const reports = reached.map((one) => ('report' in one ? one.report : undefined));
  const screen = new StatusScreen(edge, {
    isJson: options.json === true,
    json: () => statusJson(known(), credentials),
    text: (onlyUnwell) => textOf(what, known(), credentials, { ...textOptions(options, edge), onlyUnwell }),
    reports: () => known(),
  });
  function known(): readonly ClusterReport[] {
    const there = reports.filter((report) => report !== undefined);
    return what === undefined ? there : there.map((report) => onlyStatus(what, report));
  }
  /** The first picture is of all of them. */
  function show(): void {
    if (reports.every((report) => report !== undefined)) screen.changed();
  }
  show();
  await Promise.all([
    screen.run({ signal }),
    ...reached.map(async (one, index) => {
      if (!('agent' in one)) return;
      await followStatus(one.agent, {
        timeoutMs: options.timeout,
        signal,
        onReport(report) {
          reports[index] = report;
          show();
        },
      });
    }),
  ]);
  signal.throwIfAborted();
}

function textOptions(options: StatusOptions, edge: Edge): StatusTextOptions {
  const { stdout } = edge;
  const { contexts, context, namespace, kubeconfig } = options;
  return {
    now: Date.now(),
    width: stdout.isTTY === true ? stdout.columns || DEFAULT_COLUMNS : Infinity,
    style: styleFor(edge, stdout),
    flagsOf: (cluster) =>
      shellFlag('--context', contexts === undefined ? context : cluster) +
      shellFlag('--namespace', namespace) +
      shellFlag('--kubeconfig', kubeconfig),
  };
}

/** Of a terminal that does not say (0) how wide it is. */
const DEFAULT_COLUMNS = 80;

function notThere(what: string, reports: readonly ClusterReport[]): string {
  const shown = reports.map(({ cluster }) => cluster).join(', ');
  const sources = reports.flatMap(({ status: one }) => one?.reported.filter(({ kind }) => kind === 'source') ?? []);
  const names = [...new Set(sources.map(({ name }) => name))].join(', ') || 'none';
  return `nothing is told of ${what} in ${shown}; sources: ${names}; a Secret is named NAMESPACE/NAME`;
}
