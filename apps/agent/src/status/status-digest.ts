import type { StatusDocument } from '@hikyaku/kubernetes';

/** The states alone: equal as long as nothing has happened that a person would want to know. No times, counts or wording. */
export function stateText({ agent, config, sources, secrets, pushes, restarts, holds }: StatusDocument): string {
  const states = (entries: Readonly<Record<string, { readonly state: string }>>) =>
    Object.entries(entries).map(([name, { state }]) => [name, state]);
  return JSON.stringify([
    [agent.version, agent.leader, agent.publicKeys],
    [config.digest, config.cluster, config.undecided, config.problem],
    Object.entries(sources).map(([name, { state, code, stored, stuck }]) => [name, state, code, stored, stuck]),
    states(secrets),
    states(pushes),
    // One that only waits for its turn is over within minutes.
    Object.entries(restarts).flatMap(([name, { state }]) => (state === 'waiting' ? [] : [[name, state]])),
    holds.map(({ scope, digest }) => [scope, digest]),
  ]);
}

/** Besides, what is worth a write only now and then: what is said, and when something was written. */
export function detailText({ sources, secrets, pushes, restarts }: StatusDocument): string {
  const details = (entries: StatusDocument['secrets'] | StatusDocument['pushes']) =>
    Object.values(entries).map(({ messages, changedAt }) => [messages, changedAt]);
  const messages = Object.values(sources).map(({ message }) => message);
  return JSON.stringify([messages, details(secrets), details(pushes), Object.entries(restarts)]);
}
