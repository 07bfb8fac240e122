import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { json } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { refuse } from './fake-answer.ts';
import type { FakeProjects, FakeSecret } from './fake-projects.ts';
import type { FakeToken, FakeTokens } from './fake-tokens.ts';

export interface FakeCall {
  /** Method and path. */
  readonly route: string;
  /** Of the query, and also of a JSON body. */
  readonly parameters: ReadonlyMap<string, unknown>;
  readonly headers: IncomingHttpHeaders;
  readonly token: FakeToken | undefined;
}

/** A project and config that the token of the call may open. */
export interface Opened {
  readonly project: string;
  readonly config: string;
  readonly token: FakeToken;
}

export interface FakeApiOptions {
  readonly projects: FakeProjects;
  readonly tokens: FakeTokens;
  /** Called after a write. */
  readonly onChange: (project: string, config: string) => void;
}

/** What Doppler answers when nothing goes wrong. A route it does not know is 404. */
export function fakeApi({ projects, tokens, onChange }: FakeApiOptions): (call: FakeCall) => FakeAnswer {
  const open: Readonly<Record<string, (call: FakeCall) => FakeAnswer>> = {
    'GET /v3/me': ({ token }) =>
      token === undefined
        ? refuse(401, 'Invalid Auth token')
        : json(200, { type: token.kind, slug: 'fake', name: 'fake' }),
    'POST /v3/auth/oidc': exchangeIdentity,
    'POST /v3/auth/revoke': ({ parameters }) =>
      json(tokens.revoke(String(parameters.get('token'))) ? 200 : 400, { success: true }),
  };
  const ofConfig: Readonly<Record<string, (call: FakeCall, opened: Opened) => FakeAnswer>> = {
    'GET /v3/configs/config/secrets/download': download,
    'GET /v3/configs/config/secrets': (_, opened) => json(200, { secrets: describeAll(opened), success: true }),
    'GET /v3/configs/config/secret': describeOne,
    'GET /v3/configs/config/secrets/names': listNames,
    'POST /v3/configs/config/secrets': change,
    'DELETE /v3/configs/config/secret': removeOne,
  };

  function download({ parameters, headers }: FakeCall, opened: Opened): FakeAnswer {
    const { project, config } = opened;
    const format = text(parameters.get('format')) ?? 'json';
    if (format !== 'json' || parameters.has('name_transformer')) {
      return refuse(400, 'The fake knows only the format json, without name_transformer');
    }
    const wanted = text(parameters.get('secrets'))?.split(',');
    const entries: [string, string | null][] = [...projects.secrets(project, config)]
      .filter(([name]) => wanted?.includes(name) ?? true)
      .map(([name, secret]) => [name, hides(opened, secret) ? null : projects.computed(project, config, name)]);
    const body = JSON.stringify(Object.fromEntries(entries));
    const etag = `W/"${createHash('sha256').update(body).digest('hex')}"`;
    if (headers['if-none-match'] === etag) return { status: 304, headers: { etag } };
    return { status: 200, headers: { 'content-type': 'application/json', etag }, body };
  }

  function listNames({ parameters }: FakeCall, { project, config }: Opened): FakeAnswer {
    const withManaged = parameters.get('include_managed_secrets') !== 'false';
    const names = [...projects.secrets(project, config).keys()].filter((name) => withManaged || !isManaged(name));
    return json(200, { names, success: true });
  }

  function describeAll(opened: Opened): Readonly<Record<string, object>> {
    const { project, config } = opened;
    return Object.fromEntries(
      [...projects.secrets(project, config)].map(([name, secret]) => [name, describe(opened, name, secret)]),
    );
  }

  function describe(opened: Opened, name: string, secret: FakeSecret | undefined): object {
    const { project, config } = opened;
    const withheld = secret === undefined || hides(opened, secret);
    return {
      raw: withheld ? null : secret.raw,
      computed: withheld ? null : projects.computed(project, config, name),
      note: '',
      ...(secret && {
        rawVisibility: secret.visibility,
        computedVisibility: secret.visibility,
        rawValueType: { type: 'string' },
        computedValueType: { type: 'string' },
      }),
    };
  }

  /** A secret that is missing is 200 with nulls, as Doppler does it. */
  function describeOne({ parameters }: FakeCall, opened: Opened): FakeAnswer {
    const name = text(parameters.get('name'));
    if (name === undefined) return refuse(400, 'You must specify a name');
    return json(200, {
      name,
      value: describe(opened, name, projects.secrets(opened.project, opened.config).get(name)),
      success: true,
    });
  }

  function change({ parameters }: FakeCall, opened: Opened): FakeAnswer {
    const { project, config } = opened;
    const changes = changesOf(parameters);
    if (changes === undefined) return refuse(400, 'Give either secrets or change_requests');
    const before = projects.secrets(project, config);
    const problem = changes.map((one) => problemOf(one, before)).find((one) => one !== undefined);
    if (problem !== undefined) return refuse(400, problem);
    for (const { name, originalName, value } of changes) {
      const secret = before.get(originalName ?? name);
      if (originalName !== undefined && originalName !== name) projects.remove(project, config, originalName);
      if (value === null) projects.remove(project, config, name);
      else
        projects.set(project, config, name, {
          raw: text(value) ?? secret?.raw ?? '',
          visibility: secret?.visibility ?? 'masked',
        });
    }
    onChange(project, config);
    const all = projects.secrets(project, config);
    const written = changes
      .filter(({ value }) => value !== null)
      .map(({ name }) => [name, describe(opened, name, all.get(name))]);
    return json(200, { secrets: Object.fromEntries(written), success: true });
  }

  function removeOne({ parameters }: FakeCall, { project, config }: Opened): FakeAnswer {
    projects.remove(project, config, text(parameters.get('name')) ?? '');
    onChange(project, config);
    return { status: 204 };
  }

  function exchangeIdentity({ parameters }: FakeCall): FakeAnswer {
    const token = tokens.exchange(parameters.get('identity'), parameters.get('token'));
    if (token === undefined) return refuse(401, 'Invalid identity or token');
    return json(200, { success: true, token: token.key, expires_at: new Date(token.expiresAt).toISOString() });
  }

  return function answer(call) {
    const route = ofConfig[call.route];
    if (route === undefined) return open[call.route]?.(call) ?? refuse(404, 'Not found');
    const opened = openConfig(call, projects);
    if ('status' in opened) return opened;
    const mayWrite = opened.token.access === 'read/write' || call.route.startsWith('GET ');
    return mayWrite ? route(call, opened) : refuse(403, "You do not have write access to this config's secrets");
  };
}

/** The config that the call is about, or Doppler's refusal. */
export function openConfig(call: FakeCall, projects: FakeProjects): Opened | FakeAnswer {
  const { token } = call;
  const { project, config } = namedBy(call);
  if (token === undefined) return refuse(401, 'Invalid Auth token');
  if (project === undefined) return refuse(400, 'You must specify a project');
  if (config === undefined) return refuse(400, 'Please provide a valid config.');
  if (token.bound !== undefined && token.bound.project !== project) {
    return refuse(400, `This token does not have access to requested project '${project}'`);
  }
  if (token.bound !== undefined && token.bound.config !== config) {
    return refuse(400, `This token does not have access to requested config '${config}'`);
  }
  if (!projects.hasProject(project)) return refuse(404, `Could not find requested project '${project}'`);
  if (!projects.hasConfig(project, config)) return refuse(404, `Could not find requested config '${config}'`);
  return { project, config, token };
}

/** The project and config that a call means: those it says, or those of its token. */
export function namedBy({ token, parameters }: FakeCall): {
  readonly project: string | undefined;
  readonly config: string | undefined;
} {
  return {
    project: text(parameters.get('project')) ?? token?.bound?.project,
    config: text(parameters.get('config')) ?? token?.bound?.config,
  };
}

function hides({ token }: Opened, { visibility }: FakeSecret): boolean {
  return visibility === 'restricted' && token.kind === 'personal';
}

interface Change {
  readonly name: string;
  readonly originalName?: string;
  /** `null` deletes, absent keeps. */
  readonly value?: unknown;
}

/** Of `secrets: { NAME: value }` or `change_requests: [{ name, … }]`; both or neither make no sense. */
function changesOf(parameters: ReadonlyMap<string, unknown>): readonly Change[] | undefined {
  const secrets = parameters.get('secrets');
  const list = parameters.get('change_requests');
  if ((secrets === undefined) === (list === undefined)) return undefined;
  if (!Array.isArray(list)) return Object.entries(Object(secrets)).map(([name, value]): Change => ({ name, value }));
  return list.map((item: unknown): Change => {
    const fields = new Map<string, unknown>(Object.entries(Object(item)));
    const originalName = text(fields.get('originalName'));
    const value = fields.get('shouldDelete') === true ? null : (fields.get('value') ?? undefined);
    return { name: text(fields.get('name')) ?? '', value, ...(originalName !== undefined && { originalName }) };
  });
}

/**
 * Why Doppler would not take a change: its rule for names, and its limits (https://docs.doppler.com/docs/platform-limits). The words
 * are ours but for the first. What it says to the removal of what is not there is not known: the fake refuses, so that nobody relies on it.
 */
function problemOf({ name, value }: Change, secrets: ReadonlyMap<string, FakeSecret>): string | undefined {
  if (value === null) return secrets.has(name) ? undefined : `Could not find requested secret: ${name}`;
  if (!/^[A-Z_][A-Z0-9_]*$/.test(name))
    return `Secret name "${name}" may only contain uppercase letters, numbers, and underscores.`;
  if (name.length > 200) return `Secret name "${name}" is too long`;
  if (isManaged(name)) return `Secret name "${name}" is reserved`;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') return `The value of ${name} must be a string`;
  return Buffer.byteLength(value) > 50 * 1024 ? `The value "${value}" of ${name} is too large` : undefined;
}

function isManaged(name: string): boolean {
  return ['DOPPLER_PROJECT', 'DOPPLER_ENVIRONMENT', 'DOPPLER_CONFIG'].includes(name);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
