import type { Statement } from './statement.ts';

const WORKLOADS = ['deployments', 'statefulsets', 'daemonsets'];

/** What deploy/rights-restarts.yaml adds. */
export function restarts(): readonly Statement[] {
  return [
    {
      id: 'restart',
      section: 'may',
      text: 'change two annotations in the Pod template of the workloads that the grants name, hikyaku.dev/restarted-for and hikyaku.dev/restart-reason',
      why: 'what uses a Secret that has changed is rolled out anew',
      rules: WORKLOADS.map((kind) => `restarts: patch ${kind}`),
    },
    {
      id: 'read-workloads',
      section: 'may',
      text: 'get and list all Deployments, StatefulSets and DaemonSets: RBAC cannot narrow that by a list',
      why: 'it finds out what uses a Secret',
      rules: WORKLOADS.flatMap((kind) => ['get', 'list'].map((verb) => `restarts: ${verb} ${kind}`)),
    },
    {
      id: 'restart-others',
      section: 'may not',
      text: 'restart a workload that the grants do not name, as long as there is a ConfigMap hikyaku-grants',
      rules: ['policy restarts-granted: workload'],
    },
    {
      id: 'change-workloads',
      section: 'may not',
      text: 'change anything else of a workload: images, commands, accounts, replicas, labels, other annotations',
      rules: ['metadata', 'spec', 'template', 'template labels', 'template annotations'].map(
        (word) => `policy restarts: ${word}`,
      ),
    },
    {
      id: 'make-workloads',
      section: 'may not',
      text: 'create, delete or scale workloads',
      rules: ['policy restarts: operation'],
    },
    {
      id: 'thief-restarts',
      section: 'thief',
      text: 'read all Deployments, StatefulSets and DaemonSets, and restart those that are granted, again and again',
      rules: [],
    },
  ];
}
