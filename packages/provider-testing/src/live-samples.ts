import { isProviderError, ProviderError, refId, SecretValue } from '@hikyaku/core';
import type { Fixture } from './fixture.ts';
import type { LiveConnection } from './live-connection.ts';
import { randomText } from './sample.ts';

/** What the checks of a service in use may rely on. */
export type LiveSamples = Pick<Fixture, 'present' | 'pinned'> & { readonly mayWrite: boolean };

interface SamplesOptions {
  readonly prefix: string;
  /** The name of a secret that is there. */
  readonly present: string | undefined;
  readonly write: boolean;
}

/** Finds a secret to read, or makes one, and one with an older version. Rejects when there is nothing to read. */
export async function findSamples(
  connection: LiveConnection,
  { prefix, present, write }: SamplesOptions,
): Promise<LiveSamples> {
  const listed = await connection.names();
  const made = write && connection.canWrite ? await makeSamples(connection, prefix) : undefined;
  const name = present ?? made?.name ?? listed[0];
  if (name === undefined) {
    throw new ProviderError(
      'INVALID_CONFIG',
      'the service holds no secret that could be read: make one, or allow writes, so that the suite makes its own',
    );
  }
  const secret = (await connection.read({ refs: [{ name }] })).secrets.get(name);
  if (secret === undefined)
    throw new ProviderError('INVALID_CONFIG', `the service gives no value for '${name}': name a secret that it has`);
  const { pinned } = made ?? {};
  return {
    present: { name, value: secret.value.reveal() },
    mayWrite: made !== undefined,
    ...(pinned !== undefined && { pinned }),
  };
}

interface Made {
  readonly name: string;
  /** Where the service still has the older version. */
  readonly pinned?: NonNullable<Fixture['pinned']>;
}

/** `undefined` when the service does not offer writes. */
async function makeSamples(connection: LiveConnection, prefix: string): Promise<Made | undefined> {
  const [name, old, value] = [`${prefix}present`, `${prefix}pinned`, randomText()];
  try {
    await connection.write([name, old].map((one) => ({ name: one, value: SecretValue.of(value) })));
  } catch (error) {
    if (isProviderError(error) && error.code === 'UNSUPPORTED') return undefined;
    throw error;
  }
  const version = (await connection.read({ refs: [{ name: old }] })).secrets.get(old)?.version;
  if (version === undefined) return { name };
  await connection.write([{ name: old, value: SecretValue.of(randomText()) }]);
  const pin = { name: old, version };
  const { secrets } = await connection.read({ refs: [pin] });
  return secrets.has(refId(pin)) ? { name, pinned: { ...pin, value } } : { name };
}
