import type { CallOptions } from '@hikyaku/core';
import type { AccessRequest } from '@hikyaku/kube-client';
import { OWN } from '@hikyaku/kubernetes';
import { count } from '../../output/count.ts';
import { printable } from '../../output/printable.ts';
import { AccessReviews } from '../access-reviews.ts';
import { bindingRemedy } from '../binding-remedy.ts';
import type { BindingName } from '../binding-remedy.ts';
import type { Check } from '../diagnose.ts';
import type { Examination } from '../examination.ts';
import { expectedObjects } from '../expected-objects.ts';
import type { ExpectedObject, Rule } from '../expected-objects.ts';
import { fine, found } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { applying, RIGHTS } from './install.ts';

/** Whether the agent has every right of the install file, and none of those that would make it another program. */
export const agentRights: Check = {
  name: 'rights of the agent',
  async run(examination, options) {
    const reviews = await AccessReviews.ofAgent(examination, options);
    if (reviews === undefined) return [];
    const needed = expectedObjects(examination.agent, RIGHTS).flatMap(requestsOf);
    const answers = await Promise.all(
      needed.map(async (access) => ({ access, ...(await reviews.ask(access, options)) })),
    );
    const missing = answers.filter(({ allowed }) => !allowed).map(({ access }) => accessText(access));
    const thing = `ServiceAccount ${examination.agent}/${OWN.serviceAccount}`;
    const tooMuch = await findTooMuch(examination, reviews, options);
    if (missing.length > 0) {
      const message = `may not ${missing.slice(0, MOST).join(', ')}${missing.length > MOST ? ` and ${missing.length - MOST} more` : ''}`;
      return [found('RIGHT_MISSING', thing, message, applying(RIGHTS, examination.lines)), ...tooMuch];
    }
    return [
      ...(tooMuch.length > 0
        ? []
        : [fine(thing, `has its ${count(needed.length, 'right')}, and no dangerous one besides`)]),
      ...tooMuch,
    ];
  },
};

const MOST = 5;

function requestsOf({ kind, metadata: { namespace }, rules = [] }: ExpectedObject): readonly AccessRequest[] {
  if (kind !== 'Role' && kind !== 'ClusterRole') return [];
  return rules.flatMap((rule) => requestsOfRule(rule, namespace));
}

function requestsOfRule(
  { apiGroups, resources, resourceNames, verbs }: Rule,
  namespace?: string,
): readonly AccessRequest[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((whole) => {
      const [resource = '', subresource] = whole.split('/');
      return verbs.flatMap((verb) =>
        (resourceNames ?? [undefined]).map((name) => ({ verb, group, resource, subresource, namespace, name })),
      );
    }),
  );
}

/** Each would let it read what it must not, or give itself more. */
function dangerous(agent: string): readonly AccessRequest[] {
  const rbac = 'rbac.authorization.k8s.io';
  return [
    ...['get', 'list', 'watch', 'patch', 'deletecollection'].map((verb) => ({ verb, resource: 'secrets' })),
    { verb: 'create', resource: 'pods' },
    { verb: 'create', resource: 'pods', subresource: 'exec' },
    { verb: 'create', resource: 'serviceaccounts', subresource: 'token' },
    { verb: 'impersonate', resource: 'serviceaccounts' },
    { verb: 'update', resource: 'configmaps', namespace: agent, name: OWN.grants },
    { verb: 'create', resource: 'clusterrolebindings', group: rbac },
    { verb: 'update', resource: 'clusterroles', group: rbac },
    { verb: 'delete', resource: 'validatingadmissionpolicybindings', group: 'admissionregistration.k8s.io' },
  ];
}

async function findTooMuch(
  examination: Examination,
  reviews: AccessReviews,
  options: CallOptions,
): Promise<readonly Finding[]> {
  const { agent } = examination;
  const client = await examination.client(options);
  const answers = await Promise.all(
    dangerous(agent).map(async (access) => ({ access, ...(await reviews.ask(access, options)) })),
  );
  const byReason = Map.groupBy(
    answers.filter(({ allowed }) => allowed),
    ({ reason }) => reason,
  );
  return await Promise.all(
    [...byReason].map(async ([reason, allowed]) => {
      const rights = allowed.map(({ access }) => accessText(access)).join(', ');
      const why = reason === '' ? 'the API server does not say by what' : printable(reason);
      const binding = bindingIn(reason);
      const remedy =
        binding === undefined || client === undefined
          ? { advice: 'take that away from it' }
          : await bindingRemedy(binding, examination, client, options);
      return found('RIGHT_TOO_MUCH', `ServiceAccount ${agent}/${OWN.serviceAccount}`, `may ${rights}: ${why}`, remedy);
    }),
  );
}

/** As RBAC says by what something is allowed. */
function bindingIn(reason: string): BindingName | undefined {
  const [, kind, name, namespace] =
    /allowed by (ClusterRoleBinding|RoleBinding) "([^"/]+)(?:\/([^"]+))?"/.exec(reason) ?? [];
  if (name === undefined || (kind === 'RoleBinding') !== (namespace !== undefined)) return undefined;
  return { name, namespace };
}

function accessText({ verb, group = '', resource, subresource, namespace, name }: AccessRequest): string {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`;
  const which = name === undefined ? '' : ` ${name}`;
  return `${verb} ${what}${which}${namespace === undefined ? '' : ` in ${namespace}`}`;
}
