import type { Config } from '@hikyaku/config';
import { demands } from '@hikyaku/engine';

/** By name: those that somebody reads or pushes to. */
export function usedSources({ secrets, pushes }: Pick<Config, 'secrets' | 'pushes'>): ReadonlySet<string> {
  return new Set([...demands(secrets).keys(), ...pushes.map(({ source }) => source)]);
}
