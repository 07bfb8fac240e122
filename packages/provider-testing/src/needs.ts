import type { Connection } from './connection.ts';
import type { Fixture, Need } from './fixture.ts';

/** Those that are no hooks of the fixture, but that the provider has or has not. */
type Ability = 'list' | 'write' | 'watch' | 'close' | 'progress' | 'versions';

const ABILITIES: ReadonlySet<Need> = new Set<Ability>(['list', 'write', 'watch', 'close', 'progress', 'versions']);

export function isAbility(need: Need): need is Ability {
  return ABILITIES.has(need);
}

/** Whether a connection has it, or shows it when all that the fixture allows is read. */
export async function hasAbility(connection: Connection, need: Ability, fixture: Fixture): Promise<boolean> {
  const { client } = connection;
  const { name } = fixture.present;
  if (need === 'close') return client[Symbol.asyncDispose] !== undefined;
  if (need !== 'progress' && need !== 'versions') return client[need] !== undefined;

  let progressed = false;
  const { secrets } = await connection.read({
    all: hasHook(fixture, 'all'),
    refs: [{ name }],
    progress: () => (progressed = true),
  });
  return need === 'progress' ? progressed : secrets.get(name)?.version !== undefined;
}

export function hasHook(fixture: Fixture, need: Need): boolean {
  const [first, fault] = need.split('.');
  // It may be an object of a class, whose hooks are not its own properties.
  const hook: unknown =
    first === 'faults' && fault !== undefined ? Reflect.get(fixture.faults ?? {}, fault) : Reflect.get(fixture, need);
  return hook !== undefined && hook !== false;
}

/** Why what needs it is not checked. */
export function absenceOf(need: Need): string {
  return isAbility(need) ? 'the provider does not have it' : 'the fixture does not have it';
}
