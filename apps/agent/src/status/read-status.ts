import { isWell } from '@hikyaku/engine';
import type {
  HoldStatus,
  PushStatus,
  RestartStatus,
  SecretStatus,
  SourceStatus,
  StatusDocument,
} from '@hikyaku/kubernetes';
import { isRecipient } from '@hikyaku/sealing';
import { printable } from '../output/printable.ts';

/** A source, Secret, push or restart, as the agent has reported it. Times are RFC 3339. */
export interface Reported {
  readonly kind: 'source' | 'secret' | 'push' | 'restart';
  readonly name: string;
  readonly state: string;
  /** Nobody has to do anything about it. */
  readonly ok: boolean;
  readonly since?: string;
  /** When it last came into another state, or was written. */
  readonly changedAt?: string;
  readonly goodAt?: string;
  readonly nextAt?: string;
  /** Of a source's failure. */
  readonly code?: string;
  /** How many secrets the source holds, or how many keys are pushed. */
  readonly count?: number;
  /** For which Secrets it is restarted. */
  readonly secrets?: readonly string[];
  readonly messages: readonly string[];
}

interface UsedCredential {
  readonly path: string;
  /** Absent: not since the agent was started. */
  readonly usedAt?: string;
}

export interface ReadStatus {
  readonly writtenAt?: string;
  readonly version: string;
  readonly startedAt?: string;
  readonly leader?: string;
  /** Of age, the newest first. */
  readonly publicKeys: readonly string[];
  readonly config: {
    readonly digest: string;
    readonly loadedAt?: string;
    readonly cluster?: string;
    readonly undecided?: number;
    /** A line per mistake of the config that is there, and is not in force. */
    readonly problem?: readonly string[];
  };
  readonly reported: readonly Reported[];
  readonly holds: readonly HoldStatus[];
  /** Sealed values that this cluster would use; absent where the agent has not said. */
  readonly credentials?: readonly UsedCredential[];
  readonly cut?: string;
}

/** Whoever may write the ConfigMap may have written anything: nothing of it reaches a terminal but as plain text. */
export function readStatus({
  writtenAt,
  agent,
  config,
  holds,
  credentials,
  cut,
  ...status
}: StatusDocument): ReadStatus {
  return {
    ...field('writtenAt', timeIn(writtenAt)),
    version: textIn(agent.version) ?? 'unknown',
    ...field('startedAt', timeIn(agent.startedAt)),
    ...field('leader', textIn(agent.leader)),
    publicKeys: textsIn(agent.publicKeys).filter(isRecipient),
    config: {
      digest: textIn(config.digest) ?? '',
      ...field('loadedAt', timeIn(config.loadedAt)),
      ...field('cluster', textIn(config.cluster)),
      ...field('undecided', numberIn(config.undecided)),
      ...field('problem', linesIn(config.problem)),
    },
    reported: [
      ...entries(status.sources).map(([name, source]) => reportedSource(name, source)),
      ...entries(status.secrets).map(([name, secret]) => reported('secret', name, secret)),
      ...entries(status.pushes).map(([name, push]) => ({
        ...reported('push', name, push),
        ...field('count', numberIn(push.keys)),
      })),
      ...entries(status.restarts).map(([name, restart]) => ({
        ...reported('restart', name, restart),
        // Its turn comes by itself.
        ok: isWell(restart.state) || restart.state === 'waiting',
        secrets: textsIn(restart.secrets),
      })),
    ],
    holds: holds.map(readHold),
    ...field('credentials', credentialsIn(credentials)),
    ...field('cut', textIn(cut)),
  };
}

function reportedSource(name: string, source: SourceStatus): Reported {
  const { secrets, pending, stored, stuck, code, message, nextAt, ...times } = source;
  const { state } = times;
  const messages = [
    textIn(message),
    stuck === true ? 'the last read had no end and was given up' : undefined,
    stored === true ? 'values that were kept before the agent started are in use' : undefined,
    typeof pending === 'number' ? `${pending} more secrets are still to be read` : undefined,
  ];
  return {
    ...reported('source', name, { ...times, messages: messages.filter((text) => text !== undefined) }),
    ok: state === 'ok' || state === 'reading',
    ...field('nextAt', timeIn(nextAt)),
    ...field('code', textIn(code)),
    ...field('count', numberIn(secrets)),
  };
}

interface Entry {
  readonly state: string;
  readonly since?: string;
  readonly changedAt?: string;
  readonly goodAt?: string;
  readonly messages?: readonly string[];
}

function reported(kind: Reported['kind'], name: string, entry: Entry): Reported {
  const { state, since, changedAt, goodAt, messages } = entry;
  return {
    kind,
    name: printable(name),
    state: printable(state),
    ok: isWell(state as SecretStatus['state'] | PushStatus['state'] | RestartStatus['state']),
    ...field('since', timeIn(since)),
    ...field('changedAt', timeIn(changedAt) ?? timeIn(since)),
    ...field('goodAt', timeIn(goodAt)),
    messages: textsIn(messages),
  };
}

function credentialsIn(value: unknown): readonly UsedCredential[] | undefined {
  if (!isRecord(value)) return undefined;
  return entries(value).map(([path, one]) => ({
    path: printable(path),
    ...field('usedAt', timeIn(isRecord(one) ? one['usedAt'] : undefined)),
  }));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function readHold({ scope, digest, messages, changes, more }: HoldStatus): HoldStatus {
  return {
    // Of the closed form that `approve` asks for, or shown and good for nothing.
    scope: printable(scope) as HoldStatus['scope'],
    digest: printable(digest),
    messages: messages.map(printable),
    changes: changes.map(({ id, removed, overwritten, deleted }) => ({
      id: printable(id),
      removed: removed.map(printable),
      ...(overwritten && { overwritten: overwritten.map(printable) }),
      ...(deleted === true && { deleted }),
    })),
    ...field('more', numberIn(more)),
  };
}

function entries<T>(record: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function field<Name extends string, T>(name: Name, value: T | undefined): { readonly [key in Name]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in Name]?: T };
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? printable(value) : undefined;
}

function timeIn(value: unknown): string | undefined {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]{8,12}Z$/.test(value) && !Number.isNaN(Date.parse(value))
    ? value
    : undefined;
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.flatMap((one: unknown) => textIn(one) ?? []) : [];
}

function linesIn(value: unknown): readonly string[] | undefined {
  return typeof value === 'string' ? value.split('\n').filter(Boolean).map(printable) : undefined;
}
