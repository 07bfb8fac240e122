import type { Config, Problem } from '@hikyaku/config';
import { grantsBeside } from './grants-beside.ts';
import type { HeldGrants } from './held-grants.ts';
import { missingGrants } from './missing-grants.ts';
import type { MissingGrant } from './missing-grants.ts';
import { needsOf } from './needs.ts';
import { plugInFiles } from './plug-in-files.ts';

export interface CheckOptions {
  readonly config: string;
  readonly plugin?: readonly string[];
}

/** What grants say to a config. */
export interface GrantsCheck {
  /** Where they stand. */
  readonly where: string;
  readonly problems: readonly Problem[];
  readonly missing: readonly MissingGrant[];
}

/** Checks a config against these grants, or against the `grants.yaml` beside it; `undefined` where there are none. */
export async function checkGrants(
  config: Config,
  options: CheckOptions,
  held?: HeldGrants,
): Promise<GrantsCheck | undefined> {
  const grants = held ?? (await grantsBeside(options.config));
  if (grants === undefined) return undefined;
  const { where, problems } = grants;
  const needs = needsOf(config, options.config, await plugInFiles(config, options.config, options.plugin));
  // Of grants that cannot be read nothing can be said, but for the lists of the policy.
  return { where, problems, missing: missingGrants(needs, grants) };
}
