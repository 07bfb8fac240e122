import { SecretValue } from '@hikyaku/core';
import { generateIdentity, parseIdentities, seal } from '@hikyaku/sealing';
import type { Binding } from '@hikyaku/sealing';
import { createSecret } from '@hikyaku/testbed';
import type { Api } from '@hikyaku/testbed';

/** The key of a cluster, whose agent has it. */
export interface ClusterKey {
  readonly recipient: string;
  /** Secret. */
  readonly identity: string;
  /** As the config has it, under `recipients:`. */
  readonly recipients: Readonly<Record<string, string>>;
  /** What stands behind `sealed:`. */
  seal(value: string, binding: Binding): Promise<string>;
}

/** Makes a key and gives it to the agent of the cluster, as `hikyaku recipients new` has a person do it. */
export async function giveKey(admin: Api): Promise<ClusterKey> {
  const { file, recipient } = await generateIdentity();
  const [identity = ''] = parseIdentities(file);
  const labels = { 'hikyaku.dev/agent': 'hikyaku' };
  await createSecret(admin, 'hikyaku/hikyaku-identity', { 'age.agekey': file }, { labels });
  return {
    recipient,
    identity,
    recipients: { home: recipient },
    seal: (value, binding) =>
      seal(SecretValue.of(value), { recipients: new Map([['home', [recipient]]]), binding, now: Date.UTC(2026, 2, 1) }),
  };
}
