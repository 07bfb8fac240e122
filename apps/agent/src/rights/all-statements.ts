import type { HeldGrants } from '../grants/held-grants.ts';
import { granted } from './granted.ts';
import { may } from './may.ts';
import { mayNot } from './may-not.ts';
import { restarts } from './restarts.ts';
import type { RightsOptions, Statement } from './statement.ts';
import { thief } from './thief.ts';
import { widen } from './widen.ts';

/** Everything to be said about an agent, with the grants that are at hand. Pure. */
export function allStatements(agent: string, held?: HeldGrants): readonly Statement[] {
  const options = rightsOf(agent, held);
  return [
    ...may(options),
    ...mayNot(options),
    ...(options.restarts ? restarts() : []),
    ...(held === undefined ? [] : granted(held)),
    ...thief(options),
    ...widen(options),
  ];
}

function rightsOf(agent: string, held: HeldGrants | undefined): RightsOptions {
  const { names, restarts: workloads } = held?.policy ?? {};
  return { agent, restarts: (workloads?.size ?? 0) > 0, ...(names !== undefined && { names: names.size }) };
}
