import { resolve } from 'node:path';
import type { Config, Problem } from '@hikyaku/config';
import { isInside } from '../file-access.ts';
import { readPlugInFlags } from '../plugins/plug-in-flag.ts';
import { grantsBeside } from './grants-beside.ts';
import type { HeldGrants } from './held-grants.ts';
import { missingGrants } from './missing-grants.ts';
import type { MissingGrant } from './missing-grants.ts';
import { needsOf } from './needs.ts';
import type { Needs } from './needs.ts';
import { plugInFiles } from './plug-in-files.ts';
import type { LimitOptions } from './source-limits.ts';

export interface CheckOptions extends LimitOptions {
  readonly plugin?: readonly string[];
}

/** What grants say to a config. */
export interface GrantsCheck {
  /** Where they stand. */
  readonly where: string;
  readonly problems: readonly Problem[];
  readonly missing: readonly MissingGrant[];
}

/**
 * Checks a config against these grants, which hold here beside the flags, or against the `grants.yaml` beside it, which is for a
 * cluster; `undefined` where there are none.
 */
export async function checkGrants(
  config: Config,
  options: CheckOptions,
  held?: HeldGrants,
): Promise<GrantsCheck | undefined> {
  const grants = held ?? (await grantsBeside(options.config));
  if (grants === undefined) return undefined;
  const { where, problems } = grants;
  const needs = needsOf(config, options.config, await plugInFiles(config, options.config, options.plugin));
  return {
    where,
    problems,
    missing: missingGrants(held === undefined ? needs : withoutFlagged(needs, options), grants),
  };
}

/** What who starts the agent allows by flags needs no grant. */
function withoutFlagged(needs: Needs, { plugin = [], allowOrigin = [], fileRoot }: CheckOptions): Needs {
  const named = readPlugInFlags(plugin);
  return {
    ...needs,
    plugIns: needs.plugIns.filter(({ name }) => !named.has(name)),
    origins: needs.origins.filter(({ what }) => !allowOrigin.includes(what)),
    destinations: needs.destinations.filter(({ what }) => !allowOrigin.includes(what)),
    files: needs.files.filter(({ what }) => fileRoot === undefined || !isInside(what, resolve(fileRoot))),
  };
}
