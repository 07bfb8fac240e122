import type { Running } from '@hikyaku/testbed';
import { field } from '@hikyaku/testbed';
import { request } from 'undici';
import type { People } from './people.test.kit.ts';

/** What a person may have to look at. `config`: the file itself; its name is of no matter. */
export interface Thing {
  readonly kind: 'source' | 'secret' | 'push' | 'restart' | 'config';
  readonly name: string;
}

/** What a surface says of a thing. */
interface Said {
  /** Nobody has to do anything about it. */
  readonly well: boolean;
  /** Absent where it tells none. */
  readonly state?: string;
  /** What is wrong and what to do; absent where it tells only that. */
  readonly words?: string;
}

/** All that a person can see of the agent at one time, as it comes. */
export interface Look {
  readonly table: string;
  readonly json: string;
  readonly object: string;
  readonly log: string;
  readonly metrics: string;
  /** As they are stored. */
  readonly events: string;
  /** As HTML. */
  readonly page: string;
}

/** A place where a person looks. */
export interface Surface {
  readonly name: string;
  readonly of: keyof Look;
  /** `undefined`: nothing at all. */
  said(text: string, thing: Thing): Said | undefined;
}

export async function lookEverywhere(people: People, agent: Running): Promise<Look> {
  const health = agent.log.find(({ msg }) => msg === 'answering probes')?.['port'];
  const pagePort = agent.log.find(({ msg }) => msg === 'showing the status page')?.['port'];
  const [table, json, metrics, events, page] = await Promise.all([
    people.as('asker', 'status', '--timeout', '30s'),
    people.as('asker', 'status', '--json', '--timeout', '30s'),
    get(`http://127.0.0.1:${String(health)}/metrics`),
    people.admin('GET', '/api/v1/namespaces/hikyaku/events'),
    get(`http://127.0.0.1:${String(pagePort)}/`),
  ]);
  const object = (await people.read('hikyaku-status'))['status.json'] ?? '';
  return {
    table: table.stdout + table.stderr,
    json: json.stdout + json.stderr,
    object,
    log: agent.output,
    metrics,
    events: events.text,
    page,
  };
}

async function get(url: string): Promise<string> {
  const { body, statusCode } = await request(url);
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${text}`);
  return text;
}

export const SURFACES: readonly Surface[] = [
  { name: 'hikyaku status', of: 'table', said: inTable },
  { name: 'hikyaku status --json', of: 'json', said: inJson },
  { name: 'the status object', of: 'object', said: inObject },
  { name: 'the log', of: 'log', said: inLog },
  { name: '/metrics', of: 'metrics', said: inMetrics },
  { name: 'the Event', of: 'events', said: inEvents },
  { name: 'the page', of: 'page', said: onPage },
];

function inTable(text: string, { kind, name }: Thing): Said | undefined {
  const lines = text.split('\n');
  if (kind === 'config') {
    const at = lines.findIndex((line) => line.startsWith('  ! the config that is there is not in force'));
    return at === -1 ? { well: true } : { well: false, state: 'refused', words: belowOf(lines, at) };
  }
  const at = lines.findIndex((line) => /^ {2}[✓!] /.test(line) && line.slice(4).startsWith(`${name} `));
  if (at === -1) return undefined;
  const [line = ''] = lines.slice(at);
  const state =
    line
      .slice(4 + name.length)
      .trim()
      .split(/\s/)[0] ?? '';
  return { well: line.startsWith('  ✓'), state, words: belowOf(lines, at) };
}

function belowOf(lines: readonly string[], at: number): string {
  const end = lines.findIndex((line, index) => index > at && !line.startsWith('      '));
  return lines
    .slice(at + 1, end)
    .map((line) => line.trim())
    .join('\n');
}

const LISTS = { source: 'sources', secret: 'secrets', push: 'pushes', restart: 'restarts' } as const;

function inJson(text: string, { kind, name }: Thing): Said | undefined {
  const cluster = field(JSON.parse(text), 'clusters', 0);
  if (kind === 'config') return asProblem(field(cluster, 'config', 'problem'));
  const list = field(cluster, LISTS[kind]);
  const word = kind === 'restart' ? 'workload' : kind;
  const one: unknown = Array.isArray(list) ? list.find((entry) => field(entry, word) === name) : undefined;
  if (one === undefined) return undefined;
  return {
    well: field(one, 'ok') === true,
    state: String(field(one, 'state')),
    words: textsOf(field(one, 'messages')),
  };
}

function inObject(text: string, { kind, name }: Thing): Said | undefined {
  const status: unknown = JSON.parse(text);
  if (kind === 'config') return asProblem(field(status, 'config', 'problem'));
  const one = field(status, LISTS[kind], name);
  if (one === undefined) return undefined;
  const state = String(field(one, 'state'));
  return { well: WELL.has(state), state, words: textsOf(field(one, 'messages') ?? field(one, 'message')) };
}

const WELL: ReadonlySet<string> = new Set(['ok', 'synced', 'pushed', 'restarted']);

/** By what is last said of a thing. */
function inLog(text: string, { kind, name }: Thing): Said | undefined {
  const { bad, good, word } = LINES[kind];
  const lines = text.split('\n').flatMap(parsed);
  const last = lines.findLast(
    (line) =>
      (word === undefined || field(line, word) === name) && [...bad, ...good].includes(String(field(line, 'msg'))),
  );
  if (last === undefined) return undefined;
  const well = good.includes(String(field(last, 'msg')));
  const words = textsOf(field(last, 'messages') ?? field(last, 'problems') ?? field(last, 'error', 'message'));
  const state =
    kind === 'source' ? (well ? 'ok' : 'failing') : kind === 'config' ? (well ? 'ok' : 'refused') : undefined;
  return { well, state: state ?? String(field(last, 'state')), words };
}

const LINES: Readonly<
  Record<
    Thing['kind'],
    { readonly word: string | undefined; readonly bad: readonly string[]; readonly good: readonly string[] }
  >
> = {
  source: {
    word: 'source',
    bad: ['source failed', 'source still failing'],
    good: ['source read', 'source recovered'],
  },
  secret: {
    word: 'secret',
    bad: ['not synced', 'still not synced'],
    good: ['applied', 'recovered', 'unchanged'],
  },
  push: {
    word: 'push',
    bad: ['not pushed', 'still not pushed'],
    good: ['pushed', 'push recovered', 'nothing to push'],
  },
  restart: {
    word: 'workload',
    bad: ['not restarted', 'still not restarted'],
    good: ['restarted', 'restart not wanted any more'],
  },
  config: {
    word: undefined,
    bad: ['config refused: the last good one goes on'],
    good: ['config changed', 'started'],
  },
};

function inMetrics(text: string, { kind, name }: Thing): Said | undefined {
  const [secret = '', source = ''] = name.split(' → ');
  switch (kind) {
    case 'source': {
      const failing = valueOf(text, `hikyaku_source_failing{source="${name}"}`);
      if (failing === undefined) return undefined;
      return failing === 1 ? { well: false, state: 'failing' } : { well: true };
    }
    case 'secret':
      return notWell(text, `hikyaku_secret_not_well{secret="${name}",`);
    case 'push':
      return notWell(text, `hikyaku_push_not_well{secret="${secret}",source="${source}",`);
    case 'restart': {
      const states = ['refused', 'failed'].filter((state) => valueOf(text, `hikyaku_restarts{state="${state}"}`) !== 0);
      return states[0] === undefined ? { well: true } : { well: false, state: states[0] };
    }
    case 'config':
      return valueOf(text, 'hikyaku_config_last_reload_successful') === 1
        ? { well: true }
        : { well: false, state: 'refused' };
  }
}

function notWell(text: string, series: string): Said {
  const line = text.split('\n').find((one) => one.startsWith(series));
  if (line === undefined) return { well: true };
  return { well: false, state: /state="(\w+)"\} 1$/.exec(line)?.[1] ?? '' };
}

function valueOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
}

/** Each thing has one of a fixed name, which says at last that it is over. */
function inEvents(text: string, { kind, name }: Thing): Said | undefined {
  const items = field(JSON.parse(text), 'items');
  const about = `${kind}.${kind === 'config' ? 'problem' : name}`.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, '.');
  const named = new RegExp(`^hikyaku\\.${about.replaceAll('.', '\\.')}\\.[0-9a-f]{10}$`);
  const event: unknown = Array.isArray(items)
    ? items.find((item) => named.test(String(field(item, 'metadata', 'name'))))
    : undefined;
  if (event === undefined) return undefined;
  const reason = String(field(event, 'reason'));
  const state = kind === 'source' ? 'failing' : reason.replace(/^[A-Z][a-z]+/, '').toLowerCase();
  return { well: field(event, 'type') === 'Normal', state, words: String(field(event, 'message')) };
}

/** By its row, or by the card of the config. */
function onPage(text: string, { kind, name }: Thing): Said | undefined {
  const id = kind === 'config' ? 'need-config' : `${kind}-${name.replaceAll(/[^\w./-]/g, '_')}`;
  const at = text.indexOf(`<li id="${id}"`);
  if (at === -1) return kind === 'config' ? { well: true } : undefined;
  const html = text.slice(at, text.indexOf('</li>', at));
  if (kind === 'config') return { well: false, state: 'refused', words: shown(html) };
  const state = shown(/<span class="chip \w+">.*?<\/span>/s.exec(html)?.[0] ?? '').trim();
  return { well: WELL.has(state), state, words: shown(html) };
}

/** The text of HTML, as a message has it: what is wrong and what to do are two paragraphs there. */
function shown(html: string): string {
  return html
    .replaceAll(/<\/p>\s*<p class="remedy">/g, '; ')
    .replaceAll(/<\/p>/g, '\n')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

function asProblem(problem: unknown): Said {
  return problem === undefined ? { well: true } : { well: false, state: 'refused', words: textsOf(problem) };
}

function textsOf(value: unknown): string {
  return Array.isArray(value) ? value.map(textOf).join('\n') : textOf(value ?? '');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function parsed(line: string): readonly unknown[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
