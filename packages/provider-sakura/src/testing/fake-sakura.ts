import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '@hikyaku/core';
import type { Clock } from '@hikyaku/core';
import {
  FaultQueue,
  hideCredential,
  listen,
  parseJson,
  receiveBody,
  sendAnswer,
  statusSeen,
} from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse, refuseAsMock } from './fake-answer.ts';
import { fakeApi } from './fake-api.ts';
import type { FakeCall } from './fake-api.ts';
import { isCarriedOut, spoil } from './fake-fault.ts';
import type { FakeFault } from './fake-fault.ts';
import { FakePrincipals } from './fake-principals.ts';
import { FakeQuota } from './fake-quota.ts';
import { countRequests, operationOf } from './fake-requests.ts';
import type { FakeOperation, FakeSakuraCounters, FakeSakuraRequest } from './fake-requests.ts';
import { FakeVaults, latestOf } from './fake-vaults.ts';
import type { FakeVault } from './fake-vaults.ts';

export interface FakeSakuraOptions {
  /** 0, the default, is any free port. */
  readonly port?: number;
  /** PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** For the quota and for times; the real one by default. */
  readonly clock?: Clock;
  /**
   * Shows the quirks of the vendor's own mock (sakumock 0.7): no zone in the path, no API key asked for, an unknown vault lists as
   * empty, no limits, its words for errors. False by default.
   */
  readonly mock?: boolean;
  /** Requests that fit into any 60 s; 100 by default, with `mock` as many as come. */
  readonly perMinute?: number;
  /** Whether a 429 of the quota has `retry-after`; true by default. */
  readonly retryAfter?: boolean;
  /** The most secrets in one part of a list; 100 by default. */
  readonly pageSize?: number;
  /** Whether lists say `From` and `Total`, which are optional; true by default. */
  readonly totals?: boolean;
  /** The version of a secret that is made again after it was deleted: 1 (the default), or the one after its last. */
  readonly recreate?: 'restart' | 'continue';
  /** `"2"` instead of `2`; false by default. */
  readonly numbersAsText?: boolean;
  /** Secrets of all vaults; 100 by default. Does not bind `set`. */
  readonly secretLimit?: number;
  /** Of the access tokens of service principals, seconds; 3600 by default. */
  readonly tokenLifetime?: number;
}

export interface FakeApiKey {
  readonly accessToken: string;
  readonly accessTokenSecret: string;
}

export interface FakeSakura extends AsyncDisposable {
  /** For `url` in the config: with the path of a zone, but for the mock. */
  readonly url: string;
  addKey(): FakeApiKey;
  revokeKey(accessToken: string): void;
  /** Where service principals get their access tokens: the default of `servicePrincipal.tokenUrl`. */
  readonly tokenUrl: string;
  /** The id of a new service principal. */
  addPrincipal(): string;
  /** The id that a service principal's public key (PEM) gets, the `kid`. */
  uploadKey(principal: string, pem: string): string;
  /** What a disabled or deleted key has brought before is taken until it expires. */
  enableKey(keyId: string, enabled: boolean): void;
  deleteKey(keyId: string): void;
  /** Ends all access tokens that were given out. */
  revokeTokens(): void;
  /** All access tokens that were given out, and all assertions that were received. */
  readonly accessTokens: readonly string[];
  readonly assertions: readonly string[];
  /** The id of a new vault, or the one given. */
  addVault(options?: { readonly id?: string; readonly secrets?: Readonly<Record<string, string>> }): string;
  removeVault(vault: string): void;
  /** As it was when it was removed; SAKURA has no such thing. */
  restoreVault(vault: string): void;
  /** The version that this made. */
  set(vault: string, name: string, value: string): number;
  remove(vault: string, name: string): void;
  /** Names, latest versions and their values. */
  secrets(vault: string): ReadonlyMap<string, { readonly version: number; readonly value: string }>;
  /** From now on every value of the vault is refused with this status; 400 by default. */
  deleteKmsKey(vault: string, status?: number): void;
  restoreKmsKey(vault: string): void;
  /** Spoils the next requests that it fits; several faults are used up one after the other. */
  fail(fault: FakeFault): void;
  clearFaults(): void;
  /** Runs right before the next request for this is answered, as if somebody else had been quicker. */
  beforeNext(operation: FakeOperation, action: () => void): void;
  readonly counters: FakeSakuraCounters;
  /** Oldest first. */
  readonly requests: readonly FakeSakuraRequest[];
  /** Also empties `requests`. */
  resetCounters(): void;
  /** Cuts all connections. */
  close(): Promise<void>;
}

const TOKEN_PATH = '/cloud/api/iam/1.0/service-principals/oauth2/token';
const BASE = /^\/cloud\/zone\/(?:is1a|is1b|tk1a|tk1b)\/api\/cloud\/1\.1(?=\/)/;

/**
 * A server that behaves like the Secret Manager of SAKURA Cloud, as far as it is known without an account, and stricter where it
 * is not: API keys, service principals, quotas, limits, parts of lists, and faults on demand.
 */
export async function startFakeSakura(options: FakeSakuraOptions = {}): Promise<FakeSakura> {
  const { port = 0, tls, clock = systemClock, mock = false, retryAfter = true, recreate = 'restart' } = options;
  const { perMinute = mock ? Infinity : 100, pageSize = 100, totals = true, numbersAsText = false } = options;
  const { secretLimit = 100, tokenLifetime = 3600 } = options;
  const vaults = new FakeVaults({ clock, recreate });
  const quota = new FakeQuota(perMinute, clock);
  const keys = new Map<string, string>();
  const principals = new FakePrincipals({ clock, mock, lifetime: tokenLifetime });
  const tokenUrl = (): string => `${origin}${TOKEN_PATH}`;
  const answerRight = fakeApi({ vaults, principals, tokenUrl, mock, pageSize, totals, numbersAsText, secretLimit });
  const sayNo = (status: number, errorCode: string, message: string): FakeAnswer =>
    mock ? refuseAsMock(status, message) : refuse(status, errorCode, message);
  const faults = new FaultQueue<FakeFault>();
  let interruptions: { readonly operation: FakeOperation; readonly action: () => void }[] = [];
  let requests: FakeSakuraRequest[] = [];
  let connections = new Set<unknown>();

  function takeFault(operation: FakeOperation, secret: string | undefined): FakeFault | undefined {
    return faults.take(
      ({ on, secret: only }) => (on === undefined || on === operation) && (only === undefined || only === secret),
    );
  }

  function interrupt(operation: FakeOperation): void {
    const next = interruptions.find((one) => one.operation === operation);
    interruptions = interruptions.filter((one) => one !== next);
    next?.action();
  }

  /** A refusal before the request is looked at. */
  function refuseAtTheDoor(request: IncomingMessage, hasBody: boolean, isJson: boolean): FakeAnswer | undefined {
    const seconds = quota.take();
    if (seconds !== undefined) {
      const answer = sayNo(429, 'too_many_requests', 'rate limit exceeded');
      return retryAfter ? { ...answer, headers: { ...answer.headers, 'retry-after': String(seconds) } } : answer;
    }
    const { authorization } = request.headers;
    if (!mock && !isKnown(keys, authorization) && !principals.accepts(authorization))
      return refuse(401, 'unauthorized', 'The API key or access token is not valid');
    if (!hasBody) return undefined;
    if (!isJson) return sayNo(400, 'bad_request', 'the body is not JSON');
    const isDeclared = request.headers['content-type']?.startsWith('application/json') === true;
    return mock || isDeclared ? undefined : refuse(400, 'bad_request', 'The body must be application/json');
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    connections.add(request.socket);
    const url = new URL(request.url ?? '/', 'http://fake');
    const method = request.method ?? 'GET';
    const received = await receiveBody(request);
    const body = parseJson(received);
    const path = mock ? url.pathname : url.pathname.replace(BASE, '');
    const isToken = method === 'POST' && url.pathname === TOKEN_PATH;
    const operation = isToken ? 'token' : mock || BASE.test(url.pathname) ? operationOf(method, path) : 'other';
    const vaultId = path.split('/')[3] ?? '';
    const call: FakeCall = { operation, method, vaultId, query: url.searchParams, body, text: String(received) };
    const secret = secretOf(body);
    const record = {
      operation,
      method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: hideCredential(request.headers, '[key]'),
      ...(secret !== undefined && { secret }),
      status: 0,
    };
    requests.push(record);

    interrupt(operation);
    response.setHeader('date', new Date(clock.now()).toUTCString());
    const refused = isToken ? undefined : refuseAtTheDoor(request, received.length > 0, body !== undefined);
    const fault = refused === undefined ? takeFault(operation, secret) : undefined;
    const right = refused ?? (fault === undefined || isCarriedOut(fault) ? answerRight(call) : undefined);
    const answer = fault === undefined ? right : spoil(fault, { right, refuse: sayNo });
    if (answer === undefined) throw new TypeError('a request without an answer');
    // Before the last byte is out: whoever has the answer may look at the record.
    record.status = statusSeen(answer);
    await sendAnswer(response, answer);
  }

  const { url: origin, close } = await listen(respond, { port, ...tls });

  function existing(id: string): FakeVault {
    const vault = vaults.get(id);
    if (vault === undefined) throw new Error(`the fake has no vault ${id}: call addVault first`);
    return vault;
  }

  return {
    url: mock ? origin : `${origin}/cloud/zone/tk1a/api/cloud/1.1`,
    addKey() {
      const key = { accessToken: randomBytes(18).toString('hex'), accessTokenSecret: randomBytes(32).toString('hex') };
      keys.set(key.accessToken, key.accessTokenSecret);
      return key;
    },
    revokeKey: (accessToken) => void keys.delete(accessToken),
    tokenUrl: tokenUrl(),
    addPrincipal: () => principals.add(),
    uploadKey: (principal, pem) => principals.uploadKey(principal, pem),
    enableKey: (keyId, enabled) => principals.enableKey(keyId, enabled),
    deleteKey: (keyId) => principals.deleteKey(keyId),
    revokeTokens: () => principals.revokeTokens(),
    get accessTokens() {
      return principals.accessTokens;
    },
    get assertions() {
      return principals.assertions;
    },
    addVault({ id, secrets = {} } = {}) {
      const vault = vaults.add(id === undefined ? {} : { id });
      for (const [name, value] of Object.entries(secrets)) vaults.put(vault, name, value);
      return vault.id;
    },
    removeVault: (id) => vaults.delete(id),
    restoreVault: (id) => vaults.restore(id),
    set: (id, name, value) => vaults.put(existing(id), name, value),
    remove: (id, name) => void vaults.remove(existing(id), name),
    secrets(id) {
      const entries = [...existing(id).secrets].map(([name, secret]) => {
        const version = latestOf(secret) ?? 0;
        return [name, { version, value: secret.get(version) ?? '' }] as const;
      });
      return new Map(entries);
    },
    deleteKmsKey(id, status = 400) {
      existing(id).kmsKeyGone = status;
    },
    restoreKmsKey(id) {
      existing(id).kmsKeyGone = undefined;
    },
    fail: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    beforeNext: (operation, action) => void interruptions.push({ operation, action }),
    get counters() {
      return { ...countRequests(requests), connections: connections.size, busiestMinute: quota.busiestMinute };
    },
    get requests() {
      return requests;
    },
    resetCounters() {
      requests = [];
      connections = new Set();
      quota.resetCount();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function isKnown(keys: ReadonlyMap<string, string>, authorization = ''): boolean {
  const [scheme, credentials = ''] = authorization.split(' ');
  if (scheme?.toLowerCase() !== 'basic') return false;
  const [, user = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? [];
  const secret = Buffer.from(keys.get(user) ?? '');
  const given = Buffer.from(password);
  return secret.length > 0 && secret.length === given.length && timingSafeEqual(secret, given);
}

function secretOf(body: unknown): string | undefined {
  const secret: unknown = new Map<string, unknown>(Object.entries(Object(body))).get('Secret');
  const name: unknown = new Map<string, unknown>(Object.entries(Object(secret))).get('Name');
  return typeof name === 'string' ? name : undefined;
}
