import type { RightsOptions, Statement } from './statement.ts';

/** What is left over for whoever steals the agent's token. */
export function thief({ agent, names }: RightsOptions): readonly Statement[] {
  return [
    {
      id: 'thief-own',
      text: `change within the grants the Secrets that carry the agent's label, delete them whatever the grants say, and change all data of those with hikyaku.dev/merge=${agent}`,
      rules: [],
    },
    {
      id: 'thief-create',
      text:
        names === undefined
          ? 'create Secrets under any free name where the namespace is not reserved, also one that a Pod waits for. The list names in the grants closes that'
          : 'create those of the Secrets named in the grants that do not exist, and no others',
      rules: [],
    },
    {
      id: 'thief-namespace',
      text: `read the Secrets of ${agent}: the credentials kept there, and the identity, which opens what is sealed to this cluster. Keep nothing else there`,
      rules: [],
    },
    {
      id: 'thief-roles',
      text: 'read the Secrets for which an owner has given the agent a Role',
      rules: [],
    },
    {
      id: 'thief-exists',
      text: 'learn of any Secret whether its name exists, its type and its uid; of an immutable one, whether a guess of its content is right',
      rules: [],
    },
    {
      id: 'thief-memory',
      text: "rewrite the agent's inventory, status and public key, and the values it would go on with after a restart (hikyaku-snapshot-0 to -7): replace these after a theft",
      rules: [],
    },
    {
      id: 'thief-token',
      text: 'renew the token as long as the Pod lives that it was taken from. Deleting that Pod ends all of them',
      rules: [],
    },
  ].map((statement) => ({ section: 'thief', ...statement }));
}
