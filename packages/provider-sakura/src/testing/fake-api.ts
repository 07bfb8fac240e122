import type { FakeAnswer } from '@hikyaku/provider-utils/testing';
import { json, refuse, refuseAsMock } from './fake-answer.ts';
import type { FakePrincipals } from './fake-principals.ts';
import type { FakeOperation } from './fake-requests.ts';
import { latestOf } from './fake-vaults.ts';
import type { FakeVault, FakeVaults } from './fake-vaults.ts';

export interface FakeCall {
  readonly operation: FakeOperation;
  readonly method: string;
  /** Of the vault, where the path has one. */
  readonly vaultId: string;
  readonly query: URLSearchParams;
  /** Parsed; `undefined` when there was none or it was not JSON. */
  readonly body: unknown;
  /** As it came. */
  readonly text: string;
}

export interface FakeApiOptions {
  readonly vaults: FakeVaults;
  readonly principals: FakePrincipals;
  /** Of the token endpoint; asked for when a request comes. */
  readonly tokenUrl: () => string;
  /** Shows the vendor's mock instead of what is known of the service. */
  readonly mock: boolean;
  /** The most secrets in one part of a list. */
  readonly pageSize: number;
  readonly totals: boolean;
  readonly numbersAsText: boolean;
  readonly secretLimit: number;
}

/** Bytes of one value; the vendor's mock takes any. */
const LARGEST_VALUE = 65_536;
const LONGEST_NAME = 255;

/** What the Secret Manager answers when nothing goes wrong. */
export function fakeApi(options: FakeApiOptions): (call: FakeCall) => FakeAnswer {
  const { vaults, principals, tokenUrl, mock, pageSize, totals, numbersAsText, secretLimit } = options;

  const number = (value: number): number | string => (numbersAsText ? String(value) : value);
  const notFound = (what: string) =>
    mock ? refuseAsMock(404, `${what} not found`) : refuse(404, 'not_found', `${what} not found`);
  const badRequest = (message: string) => (mock ? refuseAsMock(400, message) : refuse(400, 'bad_request', message));

  /** The part that was asked for; the vendor's mock gives everything. */
  function part<T>(all: readonly T[], query: URLSearchParams, name: string): FakeAnswer {
    const from = mock ? 0 : Number(query.get('From') ?? 0);
    const wanted = Number(query.get('Count') ?? pageSize);
    if (!isWhole(from) || !isWhole(wanted)) return badRequest('From and Count must be whole numbers');
    const some = mock ? all : all.slice(from, from + Math.min(wanted, pageSize));
    return json(200, {
      Count: number(some.length),
      ...(totals && { From: number(from), Total: number(all.length) }),
      [name]: some,
    });
  }

  function describe({ id, name, description, tags, kmsKeyId, createdAt, modifiedAt }: FakeVault): object {
    return {
      ID: id,
      CreatedAt: timestamp(createdAt, mock),
      ModifiedAt: timestamp(modifiedAt, mock),
      Name: name,
      Description: description,
      KmsKeyID: kmsKeyId,
      Tags: tags,
    };
  }

  function answerVaults({ method, query, body }: FakeCall): FakeAnswer {
    if (method === 'GET') return part(vaults.all().map(describe), query, 'Vaults');
    if (method !== 'POST') return refuse(405, 'method_not_allowed', 'Method not allowed');
    const vault = fieldsOf(body, 'Vault');
    const name = vault.get('Name');
    const kmsKeyId = vault.get('KmsKeyID');
    if (typeof name !== 'string' || name === '') return badRequest('Vault.Name is required');
    if (typeof kmsKeyId !== 'string' || kmsKeyId === '') return badRequest('Vault.KmsKeyID is required');
    return json(201, { Vault: describe(vaults.add({ ...described(vault), name, kmsKeyId })) });
  }

  function answerVault({ method, body }: FakeCall, vault: FakeVault): FakeAnswer {
    switch (method) {
      case 'GET':
        return json(200, { Vault: describe(vault) });
      case 'PUT': {
        const name = fieldsOf(body, 'Vault').get('Name');
        if (typeof name !== 'string' || name === '') return badRequest('Vault.Name is required');
        Object.assign(vault, described(fieldsOf(body, 'Vault')), { name });
        return json(200, { Vault: describe(vault) });
      }
      case 'DELETE':
        vaults.delete(vault.id);
        return { status: 204 };
      default:
        return refuse(405, 'method_not_allowed', 'Method not allowed');
    }
  }

  function list({ query }: FakeCall, { secrets }: FakeVault): FakeAnswer {
    const all = [...secrets].map(([Name, secret]) => ({ Name, LatestVersion: number(latestOf(secret) ?? 0) }));
    return part(all, query, 'Secrets');
  }

  function unveil({ body }: FakeCall, vault: FakeVault): FakeAnswer {
    const fields = fieldsOf(body, 'Secret');
    const name = fields.get('Name');
    const wanted = fields.get('Version') ?? undefined;
    if (typeof name !== 'string' || name === '') return badRequest('Secret.Name is required');
    if (wanted !== undefined && (typeof wanted !== 'number' || !isWhole(wanted) || (wanted === 0 && !mock)))
      return badRequest('Secret.Version must be a whole number from 1');
    const secret = vault.secrets.get(name);
    if (secret === undefined) return notFound(`secret ${JSON.stringify(name)}`);
    if (vault.kmsKeyGone !== undefined) return kmsKeyGone(vault.kmsKeyGone);
    const version = typeof wanted === 'number' && wanted > 0 ? wanted : (latestOf(secret) ?? 0);
    const value = secret.get(version);
    if (value === undefined) return notFound(`secret ${JSON.stringify(name)} version ${version}`);
    return json(200, { Secret: { Name: name, Version: number(version), Value: value } });
  }

  function write({ body }: FakeCall, vault: FakeVault): FakeAnswer {
    const fields = fieldsOf(body, 'Secret');
    const name = fields.get('Name');
    const value = fields.get('Value');
    if (typeof name !== 'string' || name === '') return badRequest('Secret.Name must not be empty');
    if (typeof value !== 'string') return badRequest('Secret.Value is required');
    if (!mock && name.length > LONGEST_NAME) return badRequest(`Secret.Name ${name} is too long`);
    if (!mock && Buffer.byteLength(value) > LARGEST_VALUE) return badRequest(`Secret.Value ${value} is too long`);
    if (vault.kmsKeyGone !== undefined) return kmsKeyGone(vault.kmsKeyGone);
    if (!mock && !vault.secrets.has(name) && vaults.secretCount >= secretLimit)
      return refuse(409, 'limit_count_in_account', 'The limit of secrets is reached');
    return json(201, { Secret: { Name: name, LatestVersion: number(vaults.put(vault, name, value)) } });
  }

  function remove({ body }: FakeCall, vault: FakeVault): FakeAnswer {
    const name = fieldsOf(body, 'Secret').get('Name');
    if (typeof name !== 'string' || name === '') return badRequest('Secret.Name is required');
    return vaults.remove(vault, name) ? { status: 204 } : notFound(`secret ${JSON.stringify(name)}`);
  }

  return function answer(call) {
    if (call.operation === 'other') return mock ? { status: 404, body: '404 page not found\n' } : notFound('resource');
    if (call.operation === 'token') return principals.answer(new URLSearchParams(call.text), tokenUrl());
    if (call.operation === 'vaults') return answerVaults(call);
    // The mock says that such a vault does not exist, and lists it and writes into it all the same.
    const anyVault = mock && call.operation !== 'vault';
    const vault = vaults.get(call.vaultId) ?? (anyVault ? vaults.unlisted(call.vaultId) : undefined);
    if (vault === undefined) return notFound('vault');
    switch (call.operation) {
      case 'vault':
        return answerVault(call, vault);
      case 'list':
        return list(call, vault);
      case 'unveil':
        return unveil(call, vault);
      case 'write':
        return write(call, vault);
      case 'remove':
        return remove(call, vault);
      default:
        return call.operation satisfies never;
    }
  };
}

/** Which status and word the service has for it is not known. */
function kmsKeyGone(status: number): FakeAnswer {
  return refuse(status, 'kms_key_unavailable', 'The KMS key of the vault does not exist');
}

/** Of `{ [name]: { … } }`. */
function fieldsOf(body: unknown, name: string): ReadonlyMap<string, unknown> {
  const outer = new Map<string, unknown>(Object.entries(Object(body)));
  return new Map<string, unknown>(Object.entries(Object(outer.get(name))));
}

function described(fields: ReadonlyMap<string, unknown>): { description?: string; tags?: readonly string[] } {
  const description = fields.get('Description');
  const tags = fields.get('Tags');
  return {
    ...(typeof description === 'string' && { description }),
    ...(Array.isArray(tags) && { tags: tags.map(String) }),
  };
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** `2026-01-01T09:00:00.000000+09:00`; the mock says `2026-01-01T00:00:00Z`. */
function timestamp(at: number, mock: boolean): string {
  if (mock) return `${new Date(at).toISOString().slice(0, 19)}Z`;
  return `${new Date(at + 9 * 3_600_000).toISOString().slice(0, 23)}000+09:00`;
}
