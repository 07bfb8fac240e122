import type { Config, PushEntry, SourceConfig } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import type { SecretsClient } from '@hikyaku/core';
import { secretId, SourcePushes } from '@hikyaku/engine';
import type { PushInventory, PushOrigin, Report } from '@hikyaku/engine';
import type { HeldGrants } from '../grants/held-grants.ts';
import { identityOf } from '../open-sources.ts';
import { pushRefusal } from './push-refusal.ts';

export interface OpenPushesOptions {
  readonly origin: PushOrigin;
  readonly inventory: PushInventory;
  readonly connect: (source: SourceConfig) => Promise<SecretsClient>;
  readonly report: Report;
  /** Of which it is not known whether they are for this cluster. */
  readonly undecided: readonly PushEntry[];
  /** In a pod. */
  readonly held: HeldGrants | undefined;
}

/** The sources that something is pushed to, or was pushed to before. */
export function openPushes(
  { pushes, sources }: Config,
  { held, connect, undecided, ...options }: OpenPushesOptions,
): readonly SourcePushes[] {
  const before = [...options.inventory.entries.values()];
  return [...sources.values()].flatMap((source) => {
    const { name, hold } = source;
    const specs = pushes.filter((push) => push.source === name);
    const identity = identityOf(source);
    const isLeft = before.some((entry) => entry.id.startsWith(`${name}/`) && entry.identity === identity);
    if (specs.length === 0 && !isLeft) return [];
    return new SourcePushes({
      source: name,
      identity,
      specs,
      undecided: new Set(undecided.filter((push) => push.source === name).map(secretId)),
      refusal: (spec) => pushRefusal(spec, held),
      connect: () => connect(source),
      hold: hold === 'off' ? hold : hold.lostKeys,
      clock: systemClock,
      ...options,
    });
  });
}
