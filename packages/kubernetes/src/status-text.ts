import type { HoldStatus, StatusDocument } from './status-document.ts';

/** A ConfigMap holds 1 MiB with its metadata. */
const MOST_BYTES = 900_000;
const LONGEST_MESSAGE = 1_000;

/** As it stands in the ConfigMap: a line per thing. What does not fit is left out, the least needed first, and `cut` says so. */
export function statusText(document: StatusDocument, mostBytes = MOST_BYTES): string {
  let last = '';
  for (const cut of CUTS) {
    last = linesOf(cut(document));
    if (Buffer.byteLength(last) <= mostBytes) break;
  }
  return last;
}

type Cut = (document: StatusDocument) => StatusDocument;

const CUTS: readonly Cut[] = [
  (whole) => shorten(whole, LONGEST_MESSAGE),
  (whole) => ({ ...shorten(whole, 200, 50), cut: 'long messages, and what goes beyond 50 changes of a hold' }),
  (whole) => ({ ...shorten(whole, 80, 20), cut: 'all but the beginning of messages and holds' }),
  (whole) => ({
    ...shorten(onlyUnwell(whole), 80, 20),
    cut: 'all that is well, and all but the beginning of messages',
  }),
  (whole) => ({
    ...shorten(whole, 80, 5),
    secrets: {},
    pushes: {},
    restarts: {},
    cut: 'all Secrets, pushes and restarts',
  }),
  (whole) => ({
    ...shorten(whole, 80, 5),
    sources: {},
    secrets: {},
    pushes: {},
    restarts: {},
    holds: [],
    cut: 'nearly everything',
  }),
];

function shorten(document: StatusDocument, longest: number, mostChanges = Infinity): StatusDocument {
  const short = (text: string) => (text.length > longest ? `${text.slice(0, longest)}…` : text);
  const words = <T extends { readonly messages?: readonly string[] }>(entry: T): T =>
    entry.messages === undefined ? entry : { ...entry, messages: entry.messages.slice(0, 20).map(short) };
  const { problem } = document.config;
  return {
    ...document,
    ...(problem !== undefined && { config: { ...document.config, problem: short(problem) } }),
    sources: mapped(document.sources, (one) => ({ ...one, ...(one.message && { message: short(one.message) }) })),
    secrets: mapped(document.secrets, words),
    pushes: mapped(document.pushes, words),
    restarts: mapped(document.restarts, words),
    holds: document.holds.map((hold) => words(withFewer(hold, mostChanges))),
  };
}

function withFewer(hold: HoldStatus, most: number): HoldStatus {
  const { changes, more = 0 } = hold;
  if (changes.length <= most) return hold;
  return { ...hold, changes: changes.slice(0, most), more: more + changes.length - most };
}

function onlyUnwell(document: StatusDocument): StatusDocument {
  const unwell = <T extends { readonly state: string }>(entries: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(entries).filter(([, { state }]) => state !== 'synced' && state !== 'pushed'));
  return { ...document, secrets: unwell(document.secrets), pushes: unwell(document.pushes) };
}

function mapped<T>(entries: Readonly<Record<string, T>>, change: (entry: T) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, change(entry)]));
}

function linesOf(document: StatusDocument): string {
  const parts = Object.entries(document).map(([name, value]) => `${JSON.stringify(name)}: ${partText(value)}`);
  return `{\n${parts.join(',\n')}\n}\n`;
}

function partText(value: unknown): string {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return JSON.stringify(value);
  if (Array.isArray(value)) return `[\n${value.map((one) => JSON.stringify(one)).join(',\n')}\n]`;
  return `{\n${Object.entries(value)
    .map(([name, one]) => `${JSON.stringify(name)}: ${JSON.stringify(one)}`)
    .join(',\n')}\n}`;
}
