import { createHash } from 'node:crypto';
import { SecretValue } from '@hikyaku/core';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { bindingOf, recipientOf, seal } from '@hikyaku/sealing';
import { deleteSecret, field, patchSecret, readSecret, succeeded } from '@hikyaku/testbed';
import type { Api, LiveSecret } from '@hikyaku/testbed';

export const IDENTITY = 'hikyaku/hikyaku-identity';
const CONFIG_MAP = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-identity';
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

/** The Secret with the identity of a cluster; an error where there is none. */
export async function readIdentity(admin: Api): Promise<LiveSecret> {
  const secret = await readSecret(admin, IDENTITY);
  if (secret === undefined) throw new Error(`there is no ${IDENTITY}`);
  return secret;
}

/** The public key of one of its entries, from the private key itself. */
export async function publicKeyOf({ data }: LiveSecret, entry = 'age.agekey'): Promise<string> {
  const identity = /^AGE-SECRET-KEY-\S+$/m.exec(data[entry] ?? '')?.[0];
  return await recipientOf(identity ?? '');
}

/** What the agent shows of it, `undefined` for what it does not. */
export async function readShown(admin: Api): Promise<(key: string) => unknown> {
  const answer = succeeded(await admin('GET', CONFIG_MAP));
  return (key) => field(answer, 'data', key);
}

/** As before the first agent started: no identity, and nothing shown of one. */
export async function forgetIdentity(admin: Api): Promise<void> {
  if ((await readSecret(admin, IDENTITY)) !== undefined) await deleteSecret(admin, IDENTITY);
  succeeded(await admin('PATCH', CONFIG_MAP, { data: null }, MERGE_PATCH));
}

/** As `hikyaku identity rotate` does. */
export async function addKeyFile(admin: Api, entry: string, file: string): Promise<void> {
  await patchSecret(admin, IDENTITY, { stringData: { [entry]: file } });
}

/** A token of Doppler, sealed to these public keys by their names under `recipients`. */
export async function sealToken(
  doppler: FakeDoppler,
  token: string,
  recipients: Readonly<Record<string, string>>,
): Promise<string> {
  const keys = new Map(Object.entries(recipients).map(([name, key]) => [name, [key]]));
  const binding = bindingOf('doppler', 'token', [doppler.url]);
  return await seal(SecretValue.of(token), { recipients: keys, binding, now: Date.now() });
}

/** So that a test can compare secrets without printing them. */
export function digestOf(text: string | undefined): string {
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex');
}
