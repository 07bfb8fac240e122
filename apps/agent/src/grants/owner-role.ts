import { createHash } from 'node:crypto';
import { OWN } from '@hikyaku/kubernetes';

/** `read`: as a source or a credential. `watch`: pushed, or repaired at once. `merge`: keys of its own in somebody else's Secret. */
export type OwnerRight = 'read' | 'watch' | 'merge';

export interface OwnerRoleOptions {
  readonly namespace: string;
  readonly name: string;
  readonly right: OwnerRight;
  /** The agent's id: the namespace it lives in. */
  readonly agent: string;
}

const VERBS: Readonly<Record<OwnerRight, string>> = { read: 'get', watch: 'get, list, watch', merge: 'get' };
const LONGEST_NAME = 253;

/** Role and RoleBinding for this one Secret, as YAML. The names are checked before: they go in as they are. */
export function ownerRole({ namespace, name, right, agent }: OwnerRoleOptions): string {
  const role = roleName(agent, right, name);
  return `${COMMENTS[right]({ namespace, name, agent })}apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: ${role}
  namespace: ${namespace}
rules:
  - apiGroups: ['']
    resources: [secrets]
    resourceNames: ['${name}']
    verbs: [${VERBS[right]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: ${role}
  namespace: ${namespace}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: ${role}
subjects:
  - kind: ServiceAccount
    name: ${OWN.serviceAccount}
    namespace: ${agent}
`;
}

type Named = Omit<OwnerRoleOptions, 'right'>;

const COMMENTS: Readonly<Record<OwnerRight, (secret: Named) => string>> = {
  read: ({
    namespace,
    name,
    agent,
  }) => `# Lets the agent of the namespace ${agent} read the Secret ${namespace}/${name}, and no other.
`,
  watch: ({
    namespace,
    name,
    agent,
  }) => `# Lets the agent of the namespace ${agent} read the Secret ${namespace}/${name} and see its changes at once, and no other.
`,
  merge: ({
    namespace,
    name,
    agent,
  }) => `# Lets the agent of the namespace ${agent} read the Secret ${namespace}/${name}, so that it can keep the keys of others. It may
# write its own keys into it only when you also set this label:
#   kubectl label secret ${name} --namespace ${namespace} hikyaku.dev/merge=${agent}
# That other keys stay is the agent's good will: whoever writes a Secret can write all of it.
`,
};

/** By its agent, right and Secret, so that a second one for another agent or right does not take its place. */
function roleName(agent: string, right: OwnerRight, name: string): string {
  const role = `${agent}-${right}-${name}`;
  if (role.length <= LONGEST_NAME) return role;
  return `${agent}-${right}-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}
