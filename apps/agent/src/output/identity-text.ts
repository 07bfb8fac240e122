import type { Recipient } from '@hikyaku/config';
import { fingerprintOf } from '@hikyaku/sealing';
import { printable } from './printable.ts';
import type { Style } from './style.ts';

/** What is known of the identity of a cluster; nothing of it is secret. */
export interface IdentityShown {
  /** The context. */
  readonly cluster: string;
  /** `hikyaku/hikyaku-identity`, also of the ConfigMap. */
  readonly secret: string;
  /** Names of the entries; absent where the Secret may not be read. */
  readonly entries?: readonly string[];
  /** The newest first. */
  readonly keys: readonly string[];
  /** Those in the ConfigMap. */
  readonly published: readonly string[];
  readonly recipient?: Recipient;
}

/** `config`: absent where there is none to look into. */
export function identityText(identity: IdentityShown, config: string | undefined, style: Style): string {
  const { cluster, secret, entries, keys, published, recipient } = identity;
  const line = (word: string, text: string) => `  ${style.faint(word.padEnd(11))} ${text}\n`;
  const isShown = keys.length > 0 && keys.join() === published.join();
  const secretText = entries === undefined ? 'may not be read with this account' : entries.join(', ') || 'not there';
  return [
    `${style.strong(printable(cluster))}\n`,
    ...keys.map((key, index) => line(index === 0 ? 'key' : 'older key', `${key} ${style.faint(fingerprintOf(key))}`)),
    line('Secret', `${secret}: ${secretText}`),
    line('ConfigMap', `${secret}: ${isShown ? style.good('shows it') : style.change(publishedText(published))}`),
    ...(config === undefined ? [] : [line('recipients', recipientText(keys, recipient, config, style))]),
  ].join('');
}

function publishedText(published: readonly string[]): string {
  return published.length === 0 ? 'shows nothing' : `shows something else: ${published.map(fingerprintOf).join(', ')}`;
}

function recipientText(
  keys: readonly string[],
  recipient: Recipient | undefined,
  config: string,
  style: Style,
): string {
  const [key = 'KEY'] = keys;
  if (recipient === undefined) return style.change(`${config} does not have it: hikyaku recipients add NAME ${key}`);
  const missing = keys.filter((one) => !recipient.keys.includes(one));
  return missing.length === 0
    ? style.good(`${recipient.name} in ${config}`)
    : style.change(
        `${recipient.name} in ${config} lacks ${missing.map(fingerprintOf).join(', ')}: hikyaku identity rotate adds it`,
      );
}

export interface KeysChanged {
  /** The context. */
  readonly cluster: string;
  readonly recipient: string;
  /** Now, the newest first. */
  readonly keys: readonly string[];
  /** What was written. */
  readonly files: readonly string[];
}

/** `isNew`: a key was made just now. */
export function rotatedText({ cluster, recipient, keys, files }: KeysChanged, isNew: boolean, style: Style): string {
  const list = keys.map((key) => `  ${key} ${style.faint(fingerprintOf(key))}\n`).join('');
  const what = isNew ? `a new key was added to ${cluster}` : `${cluster} has a new key already`;
  return `${style.good('✓')} ${printable(what)}; "${recipient}" has both now, the newest first:\n${list}${writtenText(files)}Next:
  hikyaku rewrap                     seal to both
  git commit, git push               the agent takes the new key by itself, within a minute
  hikyaku identity prune             when the cluster has that commit: drops the old key
`;
}

export function prunedText(
  { cluster, recipient, files }: KeysChanged,
  dropped: readonly string[],
  style: Style,
): string {
  if (dropped.length === 0)
    return `${style.good('✓')} ${printable(cluster)}: "${recipient}" has one key, nothing to drop\n`;
  const list = dropped.map((key) => `  ${style.bad('-')} ${key} ${style.faint(fingerprintOf(key))}\n`).join('');
  return `${style.good('✓')} dropped from ${printable(cluster)} and from "${recipient}":\n${list}${writtenText(files)}Next:
  hikyaku rewrap                     seal to the new key alone
  git commit, git push
`;
}

function writtenText(files: readonly string[]): string {
  return files.length === 0 ? '' : `written: ${files.map(printable).join(', ')}\n`;
}
