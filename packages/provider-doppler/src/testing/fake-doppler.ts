import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '@hikyaku/core';
import type { Clock } from '@hikyaku/core';
import {
  FaultQueue,
  json,
  listen,
  parseJson,
  receiveBody,
  sendAnswer,
  statusSeen,
} from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse } from './fake-answer.ts';
import { fakeApi, namedBy, openConfig } from './fake-api.ts';
import type { FakeCall, Opened } from './fake-api.ts';
import { letsWrite, needsBody, spoil } from './fake-fault.ts';
import type { FakeFault } from './fake-fault.ts';
import { FakeProjects } from './fake-projects.ts';
import type { Visibility } from './fake-projects.ts';
import { FakeRateLimit, FREE_PLAN } from './fake-rate-limit.ts';
import type { FakeLimits } from './fake-rate-limit.ts';
import { countRequests, recordOf } from './fake-requests.ts';
import type { FakeDopplerCounters, FakeDopplerRequest } from './fake-requests.ts';
import { FakeTokens } from './fake-tokens.ts';
import type { FakeIdentity } from './fake-tokens.ts';
import { sendWebhook } from './send-webhook.ts';
import type { WebhookOptions } from './send-webhook.ts';

export interface FakeDopplerOptions {
  /** 0, any free port, by default. */
  readonly port?: number;
  /** PEM; makes the url https. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Per token and minute; those of the free plan by default. */
  readonly limits?: Partial<FakeLimits>;
  /** `free`, the default, has no `/secrets/watch` (403). */
  readonly plan?: 'free' | 'team';
  /** For rate limits, expiry and the `date` header; the real time by default. */
  readonly clock?: Pick<Clock, 'now'>;
  /** Milliseconds between the pings of `/secrets/watch`; 30 000 by default. */
  readonly pingMs?: number;
}

export interface FakeDoppler extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or https with `tls`; for `url` in the config. */
  readonly url: string;
  /** Makes a config, or empties it when it is there. The part before `_` is its environment: `prd_aws` inherits from `prd`. */
  addConfig(project: string, config: string, secrets?: Readonly<Record<string, string>>): void;
  removeConfig(project: string, config: string): void;
  /** `value` may hold references: `${VAR}`, `${config.VAR}`, `${project.config.VAR}`. */
  set(
    project: string,
    config: string,
    name: string,
    value: string,
    options?: { readonly visibility?: Visibility },
  ): void;
  remove(project: string, config: string, name: string): void;
  /** What a config has now, with the three names that Doppler adds. */
  names(project: string, config: string): readonly string[];
  /** `dp.st.<environment>.…`: opens one config; `read` by default. `expiresAt` is milliseconds since 1970. */
  serviceToken(
    project: string,
    config: string,
    options?: { readonly access?: 'read' | 'read/write'; readonly expiresAt?: number },
  ): string;
  /** `dp.pt.…`: opens everything but restricted values, and must say project and config. */
  personalToken(): string;
  /** `dp.sa.…`: opens everything, and must say project and config. */
  serviceAccountToken(): string;
  /** The id of a service account identity, for `POST /v3/auth/oidc`; what it gives out opens everything, as `serviceAccountToken` does. */
  addIdentity(identity: FakeIdentity): string;
  /** What was given out for it is taken until it expires. */
  removeIdentity(id: string): void;
  /** `dp.said.…`: all that were given out, oldest first. */
  readonly identityTokens: readonly string[];
  revokeIdentityTokens(): void;
  revoke(token: string): void;
  /** Spoils the next requests that it fits; several faults are used up one after the other. */
  fail(fault: FakeFault): void;
  /** Ends the faults, or those of one config. */
  clearFaults(config?: string): void;
  readonly counters: FakeDopplerCounters;
  /** Oldest first. */
  readonly requests: readonly FakeDopplerRequest[];
  /** Also empties `requests`. */
  resetCounters(): void;
  /** Calls a webhook as Doppler does; resolves to the statuses answered. */
  sendWebhook(options: WebhookOptions): Promise<readonly number[]>;
  /** Cuts all connections. */
  close(): Promise<void>;
}

type Watcher = Opened & { readonly update: () => void };

const WATCH = 'GET /v3/configs/config/secrets/watch';

/**
 * A server that behaves like Doppler's HTTP API, as far as it is known without an account: tokens, downloads with ETags,
 * references, rate limits, errors, webhooks, and faults on demand. A path it does not know is 404.
 */
export async function startFakeDoppler(options: FakeDopplerOptions = {}): Promise<FakeDoppler> {
  const { port = 0, tls, limits, plan = 'free', clock = systemClock, pingMs = 30_000 } = options;
  const projects = new FakeProjects();
  const tokens = new FakeTokens(clock);
  const rateLimit = new FakeRateLimit({ ...FREE_PLAN, ...limits }, clock);
  const watchers = new Set<Watcher>();
  const faults = new FaultQueue<FakeFault>();
  let requests: FakeDopplerRequest[] = [];
  let connections = new Set<unknown>();

  const answerAsDoppler = fakeApi({ projects, tokens, onChange: announce });

  /** Keeps the response open and says when something changed; a refusal comes back instead. */
  function watch(call: FakeCall, response: ServerResponse): FakeAnswer | undefined {
    const opened = openConfig(call, projects);
    if ('status' in opened) return opened;
    if (plan === 'free') return refuse(403, 'Watching secrets is not available on your plan.');
    const say = (type: string): boolean => response.write(`event: message\ndata: ${JSON.stringify({ type })}\n\n`);
    const watcher = { ...opened, update: () => say('secrets.update') };
    const ping = setInterval(say, pingMs, 'ping');
    watchers.add(watcher);
    response.once('close', () => {
      clearInterval(ping);
      watchers.delete(watcher);
    });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    say('connected');
    return undefined;
  }

  /** A branch config changes with its root. References are not followed. */
  function announce(project: string, config: string): void {
    for (const watcher of watchers)
      if (watcher.project === project && sharesRoot(watcher.config, config)) watcher.update();
  }

  function takeFault(path: string, call: FakeCall): FakeFault | undefined {
    const { project, config } = namedBy(call);
    return faults.take(
      (one) =>
        (one.path === undefined || one.path === path) &&
        (one.project === undefined || one.project === project) &&
        (one.config === undefined || one.config === config),
    );
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    connections.add(request.socket);
    const url = new URL(request.url ?? '/', 'http://fake');
    const method = request.method ?? 'GET';
    const body = Object(parseJson(await receiveBody(request)));
    const parameters = new Map<string, unknown>([...url.searchParams, ...Object.entries(body)]);
    const token = tokens.find(request.headers.authorization);
    const call: FakeCall = { route: `${method} ${url.pathname}`, parameters, headers: request.headers, token };
    const record = { ...recordOf(request, url), status: 0 };
    requests.push(record);

    response.setHeader('x-request-id', randomUUID());
    response.setHeader('date', new Date(clock.now()).toUTCString());
    const { allowed, headers } = rateLimit.take(token?.key ?? '', limitOf(method, url.pathname));
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);

    const fault = takeFault(url.pathname, call);
    if (allowed && fault === undefined && call.route === WATCH) {
      const refusal = watch(call, response);
      record.status = refusal?.status ?? 200;
      if (refusal !== undefined) await sendAnswer(response, refusal);
      return;
    }
    const asked = fault !== undefined && needsBody(fault) ? { ...call, headers: {} } : call;
    const reached = method === 'GET' || fault === undefined || letsWrite(fault);
    const unspoiled = reached ? () => answerAsDoppler(asked) : () => json(200, { success: true });
    const right = allowed ? unspoiled() : refuse(429, 'Too many requests');
    const answer = fault === undefined ? right : spoil(fault, right, clock.now());
    // Before the last byte is out: whoever has the answer may look at the record.
    record.status = statusSeen(answer);
    await sendAnswer(response, answer);
  }

  const { url, close } = await listen(respond, { port, ...tls });

  return {
    url,
    addConfig(project, config, secrets) {
      projects.addConfig(project, config, secrets);
      announce(project, config);
    },
    removeConfig: (project, config) => projects.removeConfig(project, config),
    set(project, config, name, raw, { visibility = 'masked' } = {}) {
      projects.set(project, config, name, { raw, visibility });
      announce(project, config);
    },
    remove(project, config, name) {
      projects.remove(project, config, name);
      announce(project, config);
    },
    names: (project, config) => [...projects.secrets(project, config).keys()],
    serviceToken: (project, config, tokenOptions) => tokens.serviceToken(project, config, tokenOptions),
    personalToken: () => tokens.personalToken(),
    serviceAccountToken: () => tokens.serviceAccountToken(),
    addIdentity: (identity) => tokens.addIdentity(identity),
    removeIdentity: (id) => tokens.removeIdentity(id),
    get identityTokens() {
      return tokens.ofIdentities;
    },
    revokeIdentityTokens: () => tokens.revokeIdentities(),
    revoke(token) {
      tokens.revoke(token);
    },
    fail(fault) {
      faults.add(fault);
    },
    clearFaults(config) {
      faults.clear((one) => config === undefined || one.config === config);
    },
    get counters() {
      return countRequests(requests, connections.size);
    },
    get requests() {
      return requests;
    },
    resetCounters() {
      requests = [];
      connections = new Set();
    },
    sendWebhook,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function limitOf(method: string, path: string): keyof FakeLimits {
  if (method !== 'GET') return 'writes';
  return /^\/v3\/configs\/config\/secrets?(\/download)?$/.test(path) ? 'secretReads' : 'reads';
}

function sharesRoot(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}_`);
}
