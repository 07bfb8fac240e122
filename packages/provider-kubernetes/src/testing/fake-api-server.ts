import type { IncomingMessage, ServerResponse } from 'node:http';
import { FaultQueue, json, listen, parseJson, receiveBody, sendAnswer } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse } from './fake-answer.ts';
import { isCarriedOut, spoil } from './fake-fault.ts';
import type { FakeFault } from './fake-fault.ts';
import { FakeObjects } from './fake-objects.ts';
import type { FakeNamespacePhase, FakeSecretObject } from './fake-objects.ts';
import { FakeRights } from './fake-rights.ts';
import type { FakeAction, FakeRule, FakeVerb } from './fake-rights.ts';
import { answerSecretCall, notFound } from './fake-secrets-api.ts';
import { startWatch } from './fake-watch.ts';

export interface FakeApiServerOptions {
  /** PEM, of a certificate for 127.0.0.1. */
  readonly tls: { readonly key: string; readonly cert: string };
  /** 0, any free port, by default. */
  readonly port?: number;
}

export interface FakeSecretOptions {
  readonly type?: string;
  readonly immutable?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface FakeRequest {
  readonly verb: FakeVerb | 'other';
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly accept: string | undefined;
}

export interface FakeApiServer extends AsyncDisposable {
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
  /** A namespace that is not set to a phase does not exist; `undefined` removes it with all its Secrets. */
  setNamespace(name: string, phase: FakeNamespacePhase | undefined): void;
  /** Makes or replaces a Secret, and its namespace where that is missing. */
  setSecret(
    namespace: string,
    name: string,
    values: Readonly<Record<string, string | Uint8Array>>,
    options?: FakeSecretOptions,
  ): void;
  /** One key; `undefined` removes it. */
  setKey(namespace: string, secret: string, key: string, value: string | Uint8Array | undefined): void;
  removeSecret(namespace: string, name: string): void;
  secret(namespace: string, name: string): FakeSecretObject | undefined;
  secrets(namespace: string): readonly FakeSecretObject[];
  /** Of a ServiceAccount that may do this and nothing else. */
  token(...rules: readonly FakeRule[]): string;
  setRules(token: string, ...rules: readonly FakeRule[]): void;
  revoke(token: string): void;
  /** As text, with the token inline. */
  kubeconfig(token: string): string;
  /** Spoils the next requests that it fits; several faults are used up one after the other. */
  fail(fault: FakeFault): void;
  clearFaults(): void;
  /** Ends all watches, as the API server does every few minutes; their number. */
  endWatches(): number;
  /** Forgets what happened: a watch from before is told so (410). */
  compact(): void;
  readonly watches: number;
  /** Oldest first. */
  readonly requests: readonly FakeRequest[];
  /** Cuts all connections. */
  close(): Promise<void>;
}

const METADATA_ONLY = 'as=PartialObjectMetadata';
const VERBS: Readonly<Record<string, FakeVerb>> = { GET: 'get', POST: 'create', PUT: 'update', DELETE: 'delete' };

/**
 * A server that behaves like kube-apiserver for Secrets: bearer tokens with rules as in RBAC, uids and resourceVersions,
 * conflicts, metadata-only answers, watches by name, and faults on demand. A path that it does not know is 404.
 */
export async function startFakeApiServer({ tls, port = 0 }: FakeApiServerOptions): Promise<FakeApiServer> {
  const objects = new FakeObjects();
  const rights = new FakeRights();
  const watches = new Set<() => void>();
  const requests: FakeRequest[] = [];
  const faults = new FaultQueue<FakeFault>();

  function takeFault(verb: FakeVerb, name: string | undefined): FakeFault | undefined {
    return faults.take(
      (one) => (one.verb === undefined || one.verb === verb) && (one.name === undefined || one.name === name),
    );
  }

  function answerOther(method: string, path: string, username: string): FakeAnswer {
    if (method !== 'POST' || path !== '/apis/authentication.k8s.io/v1/selfsubjectreviews')
      return refuse(404, { reason: 'NotFound', message: 'the server could not find the requested resource' });
    return json(201, { kind: 'SelfSubjectReview', status: { userInfo: { username, groups: [] } } });
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://fake');
    const { method = 'GET', headers } = request;
    const body = parseJson(await receiveBody(request));
    const action = actionOf(method, pathname, searchParams);
    const { accept, authorization } = headers;
    const query = Object.fromEntries(searchParams);
    requests.push({ verb: action?.verb ?? 'other', method, path: pathname, query, accept });

    const username = rights.username(authorization);
    if (username === undefined) {
      await sendAnswer(response, refuse(401, { reason: 'Unauthorized', message: 'Unauthorized' }));
      return;
    }
    if (action === undefined) {
      await sendAnswer(response, answerOther(method, pathname, username));
      return;
    }
    const fault = takeFault(action.verb, action.name);
    const { verb, resource, namespace, name } = action;
    if (!rights.allows(authorization, action)) {
      const message = `${resource} "${name ?? ''}" is forbidden: User "${username}" cannot ${verb} resource "${resource}" in API group "" in the namespace "${namespace}"`;
      await sendAnswer(response, refuse(403, { reason: 'Forbidden', message, kind: resource, ...(name && { name }) }));
      return;
    }
    const metadataOnly = accept?.includes(METADATA_ONLY) ?? false;
    if (verb === 'watch' && fault === undefined) {
      const { resourceVersion } = query;
      const end = startWatch(objects, response, { namespace, name, resourceVersion, metadataOnly });
      watches.add(end);
      response.once('close', () => watches.delete(end));
      return;
    }
    // To look changes nothing, so that a fault can always quote what there is.
    const isAnswered = verb === 'get' || fault === undefined || isCarriedOut(fault);
    const right = !isAnswered
      ? json(200, body ?? {})
      : resource === 'namespaces'
        ? namespaceOf(objects, namespace)
        : answerSecretCall(objects, { method, namespace, name, body, metadataOnly });
    await sendAnswer(response, fault === undefined ? right : spoil(fault, right));
  }

  const { url, close } = await listen(respond, { port, ...tls });

  function put(namespace: string, name: string, data: Readonly<Record<string, string>>, options: FakeSecretOptions) {
    if (!objects.namespaces.has(namespace)) objects.namespaces.set(namespace, 'Active');
    objects.put(namespace, name, { type: 'Opaque', ...options, data });
  }

  return {
    url,
    setNamespace(name, phase) {
      if (phase !== undefined) objects.namespaces.set(name, phase);
      else {
        objects.namespaces.delete(name);
        for (const { metadata } of objects.secrets(name)) objects.remove(name, metadata.name);
      }
    },
    setSecret(namespace, name, values, options = {}) {
      put(
        namespace,
        name,
        Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)])),
        options,
      );
    },
    setKey(namespace, secret, key, value) {
      const { data = {}, type = 'Opaque', metadata } = objects.secret(namespace, secret) ?? {};
      const others = Object.entries(data).filter(([other]) => other !== key);
      const entries = value === undefined ? others : [...others, [key, base64(value)] as const];
      const { labels, annotations } = metadata ?? {};
      const meta = { ...(labels && { labels }), ...(annotations && { annotations }) };
      put(namespace, secret, Object.fromEntries(entries), { type, ...meta });
    },
    removeSecret: (namespace, name) => void objects.remove(namespace, name),
    secret: (namespace, name) => objects.secret(namespace, name),
    secrets: (namespace) => objects.secrets(namespace),
    token: (...rules) => rights.token(rules),
    setRules: (token, ...rules) => rights.setRules(token, rules),
    revoke: (token) => rights.revoke(token),
    kubeconfig: (token) => kubeconfigOf(url, tls.cert, token),
    fail: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    endWatches() {
      const { size } = watches;
      for (const end of watches) end();
      return size;
    },
    compact: () => objects.compact(),
    get watches() {
      return watches.size;
    },
    requests,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function actionOf(method: string, path: string, query: URLSearchParams): FakeAction | undefined {
  const [, namespace, , secrets, name] =
    /^\/api\/v1\/namespaces\/([^/]+)((\/secrets)(?:\/([^/]+))?)?$/.exec(path) ?? [];
  const verb = VERBS[method];
  if (namespace === undefined || verb === undefined) return undefined;
  if (secrets === undefined)
    return {
      verb,
      resource: 'namespaces',
      namespace: decodeURIComponent(namespace),
      name: decodeURIComponent(namespace),
    };
  const selected = /^metadata\.name=(.+)$/.exec(query.get('fieldSelector') ?? '')?.[1];
  return {
    verb: name !== undefined || verb !== 'get' ? verb : query.get('watch') === 'true' ? 'watch' : 'list',
    resource: 'secrets',
    namespace: decodeURIComponent(namespace),
    name: name === undefined ? selected : decodeURIComponent(name),
  };
}

function namespaceOf({ namespaces }: FakeObjects, name: string): FakeAnswer {
  const phase = namespaces.get(name);
  if (phase === undefined) return notFound('namespaces', name);
  const deleted = phase === 'Terminating' && { deletionTimestamp: new Date().toISOString() };
  return json(200, { kind: 'Namespace', apiVersion: 'v1', metadata: { name, ...deleted }, status: { phase } });
}

function kubeconfigOf(server: string, certificate: string, token: string): string {
  const cluster = { server, 'certificate-authority-data': base64(certificate) };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'fake', cluster }],
    users: [{ name: 'reader', user: { token } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'reader' } }],
    'current-context': 'fake',
  });
}

function base64(value: string | Uint8Array): string {
  return Buffer.from(value).toString('base64');
}
