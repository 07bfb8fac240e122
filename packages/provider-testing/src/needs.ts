import type { Fixture, Need } from './fixture.ts';

/** Whether it is an optional method of the client; everything else is a hook of the fixture. */
export function isMethod(need: Need): need is 'list' | 'write' | 'watch' {
  return need === 'list' || need === 'write' || need === 'watch';
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
  return isMethod(need) ? "the provider's client does not have it" : 'the fixture does not have it';
}
