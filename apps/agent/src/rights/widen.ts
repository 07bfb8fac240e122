import type { RightsOptions, Statement } from './statement.ts';

/** Whose word lets the agent do more. */
export function widen({ agent }: RightsOptions): readonly Statement[] {
  return [
    {
      id: 'widen-grants',
      text: `whoever can change the ConfigMap hikyaku-grants in ${agent}, or the file it comes from: types, namespaces, names, labels, and what the agent itself keeps to`,
      rules: [],
    },
    {
      id: 'widen-owner',
      text: `whoever can label a Secret hands it over (hikyaku.dev/agent=${agent}, hikyaku.dev/merge=${agent}), and whoever can give a Role for it lets it be read`,
      rules: [],
    },
    {
      id: 'widen-admin',
      text: 'whoever can change roles, bindings or the policies: an administrator of the cluster',
      rules: [],
    },
    {
      id: 'widen-namespace',
      text: `whoever can create Pods in ${agent}, or get tokens of its account, can do what the agent can`,
      rules: [],
    },
    {
      id: 'widen-config',
      text: 'not whoever writes the config: that chooses among what is granted. A Secret that is not granted is refused',
      rules: [],
    },
  ].map((statement) => ({ section: 'widen', ...statement }));
}
