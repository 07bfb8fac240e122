import { refId, SecretValue } from '@hikyaku/core';
import type { ProviderError, Snapshot } from '@hikyaku/core';
import { selects } from './demand.ts';
import { jsonProperty } from './json-property.ts';
import { secretId } from './secret-spec.ts';
import type { BulkItem, DataItem, Existing, SecretId, SecretSpec } from './secret-spec.ts';
import { transformName } from './transform-name.ts';

/** A Secret as it should be. */
export interface DesiredSecret {
  readonly id: SecretId;
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly immutable: boolean;
  readonly existing: Existing;
  readonly recreate: boolean;
  /** In order of the keys. */
  readonly data: ReadonlyMap<string, DesiredValue>;
}

export interface DesiredValue {
  readonly source: string;
  /** Of the source's secret that it is made of: its `refId`. */
  readonly from: string;
  readonly value: SecretValue;
}

/** With problems there is no desired state: the last good data stays as it is. */
export type Rendered =
  | { readonly spec: SecretSpec; readonly desired: DesiredSecret; readonly problems?: undefined }
  | { readonly spec: SecretSpec; readonly desired?: undefined; readonly problems: readonly RenderProblem[] };

export interface RenderProblem {
  /**
   * `SOURCE_UNREAD`: nothing is known of the source yet. `KEY_PENDING`: this one secret is still to be read; `KEY_UNKNOWN`: it could
   * not be read; `KEY_ABSENT`: it does not exist at the source. `INVALID_KEY`, `TWO_VALUES`, `INVALID_VALUE`, `TOO_LARGE`: the result would be no Secret.
   */
  readonly code:
    | 'SOURCE_UNREAD'
    | 'KEY_PENDING'
    | 'KEY_UNKNOWN'
    | 'KEY_ABSENT'
    | 'INVALID_KEY'
    | 'TWO_VALUES'
    | 'INVALID_VALUE'
    | 'TOO_LARGE';
  readonly source?: string;
  readonly key?: string;
  /** Names keys and sources, never values. */
  readonly message: string;
}

/** The most bytes of data a Kubernetes Secret holds (k8s.io/api/core/v1, MaxSecretSize). */
const MAX_DATA_BYTES = 1_048_576;
const VALID_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

/** Pure: what a spec makes of what its sources hold. All problems at once. */
export function render(spec: SecretSpec, snapshots: ReadonlyMap<string, Snapshot>): Rendered {
  const problems: RenderProblem[] = [];
  const data = new Map<string, DesiredValue & { readonly origin: string }>();

  function put(key: string, origin: string, value: DesiredValue): void {
    const other = data.get(key);
    if (other !== undefined && other.origin !== origin) {
      problems.push({
        code: 'TWO_VALUES',
        key,
        message: `two values for the key ${key}: ${other.origin} and ${origin}; exclude one with "!"`,
      });
      return;
    }
    data.set(key, { ...value, origin });
  }

  for (const source of sourcesOf(spec)) {
    if (!snapshots.has(source))
      problems.push({ code: 'SOURCE_UNREAD', source, message: `${source} has not been read yet` });
  }
  for (const item of spec.bulk) {
    const snapshot = snapshots.get(item.source);
    if (snapshot !== undefined) renderBulk(spec, item, snapshot, put, problems);
  }
  for (const [key, item] of spec.items) {
    const snapshot = snapshots.get(item.source);
    if (snapshot !== undefined) renderItem(key, item, snapshot, put, problems);
  }

  let bytes = 0;
  for (const { value } of data.values()) bytes += value.byteLength;
  if (bytes > MAX_DATA_BYTES) {
    problems.push({
      code: 'TOO_LARGE',
      message: `${bytes} bytes of data; a Secret holds at most ${MAX_DATA_BYTES}: split it into several`,
    });
  }
  if (problems.length > 0) return { spec, problems };

  const sorted = [...data]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { source, from, value }]) => [key, { source, from, value }] as const);
  const { namespace, name, type, labels, annotations, immutable, existing, recreate } = spec;
  return {
    spec,
    desired: {
      id: secretId(spec),
      namespace,
      name,
      type,
      labels,
      annotations,
      immutable,
      existing,
      recreate,
      data: new Map(sorted),
    },
  };
}

/** The sources that a spec draws from, each once. */
export function sourcesOf(spec: SecretSpec): ReadonlySet<string> {
  return new Set([...spec.bulk.map(({ source }) => source), ...[...spec.items.values()].map(({ source }) => source)]);
}

type Put = (key: string, origin: string, value: DesiredValue) => void;

function renderBulk(spec: SecretSpec, item: BulkItem, snapshot: Snapshot, put: Put, problems: RenderProblem[]): void {
  const { source } = item;
  for (const [id, error] of snapshot.unknown ?? []) {
    if (!id.includes('\0') && selects(item, id) !== undefined) problems.push(unknownKey(source, id, error));
  }
  for (const [name, { value }] of snapshot.secrets) {
    if (name.includes('\0')) continue;
    const captures = selects(item, name);
    if (captures === undefined) continue;
    const wanted = keyFor(item, name, captures);
    const key = spec.keyNames === 'underscore' ? wanted.replaceAll(/[^-._a-zA-Z0-9]/g, '_') : wanted;
    if (isValidKey(key)) put(key, `${source}: ${name}`, { source, from: name, value });
    else {
      const remedy = 'rename it with `data`, exclude it with "!", or set `keyNames: underscore`';
      problems.push({
        code: 'INVALID_KEY',
        source,
        key,
        message: `${source} has ${JSON.stringify(name)}, which Kubernetes allows as no key; ${remedy}`,
      });
    }
  }
}

function keyFor(item: BulkItem, name: string, captures: readonly string[]): string {
  if (item.as !== undefined) return item.as.replace('*', () => captures[0] ?? '');
  return item.transform === undefined ? name : transformName(name, item.transform);
}

// k8s.io/apimachinery/pkg/util/validation, IsConfigMapKey
function isValidKey(key: string): boolean {
  return VALID_KEY.test(key) && key !== '.' && !key.startsWith('..');
}

function renderItem(key: string, item: DataItem, snapshot: Snapshot, put: Put, problems: RenderProblem[]): void {
  const { source, ref } = item;
  const name = ref.version === undefined ? ref.name : `${ref.name} (version ${ref.version})`;
  const id = refId(ref);
  const secret = snapshot.secrets.get(id);
  if (secret === undefined) {
    const error = snapshot.unknown?.get(id);
    if (error !== undefined) problems.push(unknownKey(source, name, error));
    else if (!item.optional) {
      problems.push({
        code: 'KEY_ABSENT',
        source,
        key,
        message: `${source} has no ${name}, wanted as ${key}; add it there, or set \`optional: true\``,
      });
    }
    return;
  }
  const picked = pick(secret.value, item);
  if (picked === 'absent') {
    if (item.optional) return;
    problems.push({
      code: 'KEY_ABSENT',
      source,
      key,
      message: `${name} of ${source} has no property ${item.property}, wanted as ${key}; add it there, or set \`optional: true\``,
    });
  } else if (typeof picked === 'string') {
    problems.push({
      code: 'INVALID_VALUE',
      source,
      key,
      message: `${name} of ${source} ${picked}, wanted as ${key}; correct it there, or the entry here`,
    });
  } else {
    const detail = [item.property && ` property ${item.property}`, item.decode && ` decoded from ${item.decode}`]
      .filter(Boolean)
      .join(',');
    put(key, `${source}: ${name}${detail}`, { source, from: id, value: picked });
  }
}

/** The value, `absent`, or what is wrong with it. */
function pick(value: SecretValue, { property, decode }: DataItem): SecretValue | string {
  let picked = value;
  if (property !== undefined) {
    const text = value.text();
    const result = text === undefined ? { problem: 'is not text' } : jsonProperty(text, property);
    if ('absent' in result) return 'absent';
    if ('problem' in result) return result.problem;
    picked = SecretValue.of(result.value);
  }
  if (decode === undefined) return picked;
  const decoded = decodeBase64(picked.text(), decode);
  return decoded === undefined ? `is not ${decode}` : SecretValue.of(decoded);
}

function decodeBase64(text: string | undefined, decode: 'base64' | 'base64url'): Uint8Array | undefined {
  const compact = text?.replaceAll(/\s/g, '').replace(/=+$/, '');
  const alphabet = decode === 'base64' ? /^[A-Za-z0-9+/]*$/ : /^[-A-Za-z0-9_]*$/;
  if (compact === undefined || !alphabet.test(compact) || compact.length % 4 === 1) return undefined;
  return Buffer.from(compact, decode);
}

function unknownKey(source: string, name: string, error: ProviderError): RenderProblem {
  const code = error.code === 'PENDING' ? 'KEY_PENDING' : 'KEY_UNKNOWN';
  return { code, source, key: name, message: `${name} of ${source}: ${error.message}` };
}
