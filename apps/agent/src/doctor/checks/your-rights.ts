import type { CallOptions } from '@hikyaku/core';
import { OWN } from '@hikyaku/kubernetes';
import { printable } from '../../output/printable.ts';
import { shellWord } from '../../output/shell-word.ts';
import { AccessReviews } from '../access-reviews.ts';
import type { Check } from '../diagnose.ts';
import type { Examination } from '../examination.ts';
import { fine, found } from '../finding.ts';
import type { Finding } from '../finding.ts';

/** What commands need of a person, each with the name of the Role that would give it. */
const NEEDS = [
  { what: 'hikyaku status', role: 'hikyaku-look', verbs: ['get'], names: [OWN.status] },
  { what: 'hikyaku refresh', role: 'hikyaku-ask', verbs: ['get', 'update'], names: [OWN.request] },
  { what: 'hikyaku approve', role: 'hikyaku-approve', verbs: ['get', 'update'], names: [OWN.approval] },
] as const;

/** What the person at hand may ask of the agent. */
export const yourRights: Check = {
  name: 'your rights',
  async run(examination, options) {
    const reviews = await AccessReviews.ofSelf(examination, options);
    const reached = await examination.reached(options);
    if (reviews === undefined || reached.client === undefined || (await examination.isAgent(options))) return [];
    const missing = await Promise.all(
      NEEDS.map((need) => findingOf(need, reached.username, examination, reviews, options)),
    );
    const findings = missing.flat();
    return findings.length > 0 ? findings : [fine('your rights', 'status, refresh and approve')];
  },
};

async function findingOf(
  { what, role, verbs, names }: (typeof NEEDS)[number],
  username: string,
  { agent, lines }: Examination,
  reviews: AccessReviews,
  options: CallOptions,
): Promise<readonly Finding[]> {
  const asked = names.flatMap((name) =>
    verbs.map((verb) => ({ verb, resource: 'configmaps', namespace: agent, name })),
  );
  const answers = await Promise.all(asked.map((access) => reviews.ask(access, options)));
  if (answers.every(({ allowed }) => allowed)) return [];
  const resources = names.map((name) => ` --resource-name=${name}`).join('');
  const make = `create role ${role} --namespace ${agent} --verb=${verbs.join(',')} --resource=configmaps${resources}`;
  const [, namespace, account] = /^system:serviceaccount:([^:]+):(.+)$/.exec(username) ?? [];
  const subject =
    account === undefined
      ? `--user=${shellWord(username)}`
      : `--serviceaccount=${shellWord(`${namespace}:${account}`)}`;
  const bind = `create rolebinding ${role} --namespace ${agent} --role=${role} ${subject}`;
  return [
    found(
      'YOU_MAY_NOT',
      printable(what),
      `takes ${verbs.join(' and ')} of the ConfigMap ${names.join(', ')}, which you may not`,
      {
        advice: 'somebody who may gives it to you',
        command: `${lines.kubectl(make)} && ${lines.kubectl(bind)}`,
      },
    ),
  ];
}
