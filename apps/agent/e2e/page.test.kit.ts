import { ProviderError, systemClock } from '@hikyaku/core';
import type { SecretRecord } from '@hikyaku/engine';
import type { SecretStatus, SourceStatus, StatusDocument } from '@hikyaku/kubernetes';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { HttpServer } from '../src/daemon/http-server.ts';
import { startPage } from '../src/page/start-page.ts';
import type { NewRecord } from '../src/records.ts';
import { StatusFeed } from '../src/status/status-feed.ts';

/** The status page of an agent that says what a test tells it to say. */
export class ShownPage implements AsyncDisposable {
  readonly feed = new StatusFeed();
  status: StatusDocument = well();
  ready: readonly string[] = [];
  leader: string | undefined;
  readonly #end = new AbortController();
  #server: HttpServer | undefined;

  /** `leads`: it keeps things equal. */
  static async start({ leads = true, port = 0 } = {}): Promise<ShownPage> {
    const shown = new ShownPage();
    const vitals = {
      ready: () => shown.ready,
      get election() {
        return shown.leader === undefined ? undefined : { isLeading: false, leader: shown.leader };
      },
    };
    if (leads) shown.feed.open(() => shown.status);
    const options = { address: { port }, namespace: 'hikyaku', feed: shown.feed, vitals, clock: systemClock };
    shown.#server = await startPage(options, { signal: shown.#end.signal });
    return shown;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** From now on it says this. */
  say(change: Partial<StatusDocument>, record?: NewRecord): void {
    this.status = { ...this.status, ...change };
    this.feed.changed(record);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#server?.[Symbol.asyncDispose]();
  }
}

/** A page of a browser, and what it asked for and complained of. */
export interface Looking extends AsyncDisposable {
  readonly page: Page;
  readonly requests: readonly string[];
  readonly complaints: readonly string[];
}

export async function lookAt(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Looking> {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
  const page = await context.newPage();
  const [requests, complaints]: [string[], string[]] = [[], []];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  return { page, requests, complaints, [Symbol.asyncDispose]: () => context.close() };
}

export function secretRecord(id: string, more: Partial<SecretRecord>): NewRecord {
  const [namespace = '', name = ''] = id.split('/');
  return { kind: 'secret', record: { id: `${namespace}/${name}`, state: 'synced', messages: [], ...more } };
}

export function sourceRecord(source: string, ok: boolean, message = ''): NewRecord {
  if (ok) return { kind: 'source', record: { source, ok } };
  return { kind: 'source', record: { source, ok, error: new ProviderError('UNAUTHENTICATED', message) } };
}

function ago(seconds: number): string {
  return new Date(Date.now() - seconds * 1_000).toISOString().replace(/\.\d+Z$/, 'Z');
}

const synced = (seconds: number): SecretStatus => ({ state: 'synced', since: ago(seconds) });

/** A small cluster in which all is well. */
export function well(): StatusDocument {
  return {
    version: 1,
    writtenAt: ago(0),
    agent: { version: '0.1.0', startedAt: ago(260_000) },
    config: { digest: '4f1d9c2ab87e63d05c1f', loadedAt: ago(7_200), cluster: 'home' },
    sources: {
      homelab: { state: 'ok', since: ago(260_000), secrets: 24, goodAt: ago(12), nextAt: ago(-48) },
      nas: { state: 'ok', since: ago(90_000), secrets: 6, goodAt: ago(31), nextAt: ago(-29) },
      'sakura-vault': { state: 'ok', since: ago(260_000), secrets: 11, goodAt: ago(140), nextAt: ago(-160) },
    },
    secrets: {
      'argocd/argocd-secret': synced(250_000),
      'argocd/repo-home': synced(250_000),
      'monitoring/grafana': { ...synced(180_000), changedAt: ago(5_400) },
      'monitoring/alertmanager': synced(180_000),
      'web/app-env': { ...synced(250_000), changedAt: ago(340) },
      'web/database': synced(250_000),
      'web/mail': synced(90_000),
      'worker/database': synced(250_000),
    },
    pushes: { 'web/app-keys → homelab': { state: 'pushed', since: ago(86_400), keys: 2 } },
    restarts: {},
    holds: [],
  };
}

/** The same at two in the morning. */
export function troubled(): StatusDocument {
  const base = well();
  return {
    ...base,
    sources: {
      ...base.sources,
      nas: {
        state: 'failing',
        since: ago(1_560),
        secrets: 6,
        code: 'UNAUTHENTICATED',
        message: 'nas refuses the token (401); seal a new one: hikyaku seal nas.token',
        goodAt: ago(1_620),
        nextAt: ago(-20),
      },
    },
    secrets: {
      ...base.secrets,
      'web/mail': {
        state: 'kept',
        since: ago(1_560),
        messages: ['nas cannot be read: the last good data stays'],
      },
      'web/database': { state: 'held', since: ago(300), messages: ['3 of 4 keys from homelab would go'] },
      'worker/database': {
        state: 'refused',
        since: ago(4_000),
        messages: [
          'the Secret worker/database exists and is not ours; its owner hands it over by: kubectl label secret database --namespace worker hikyaku.dev/agent=hikyaku',
        ],
      },
    },
    holds: [
      {
        scope: 'source:homelab',
        digest: '9f86d081884c7d659a2feaa0c55ad015',
        messages: ['3 of 4 keys from homelab would go'],
        changes: [{ id: 'web/database', removed: ['DB_HOST', 'DB_PASSWORD', 'DB_USER'] }],
      },
    ],
    restarts: {
      'web/Deployment/web': {
        state: 'refused',
        secrets: ['web/app-env'],
        messages: ['Deployment/web in web is not granted a restart; add it to restarts in grants.yaml'],
      },
    },
  };
}

/** 50 sources and 1,000 Secrets, in 40 namespaces. */
export function big(): StatusDocument {
  const sources = Array.from({ length: 50 }, (_, i): readonly [string, SourceStatus] => [
    `source-${i}`,
    { state: 'ok', since: ago(90_000), secrets: 20 + i, goodAt: ago(i), nextAt: ago(i - 60) },
  ]);
  const secrets = Array.from({ length: 1_000 }, (_, i): readonly [string, SecretStatus] => [
    `team-${i % 40}/secret-${i}`,
    synced(50_000 + i),
  ]);
  return { ...well(), sources: Object.fromEntries(sources), secrets: Object.fromEntries(secrets) };
}
