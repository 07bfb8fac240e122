import { isKubeError } from '@hikyaku/kube-client';
import type { KubeError } from '@hikyaku/kube-client';
import { printable } from '../../output/printable.ts';
import { clock } from '../clock.ts';
import type { Check } from '../diagnose.ts';
import type { Examination } from '../examination.ts';
import { fine, found } from '../finding.ts';
import type { Finding } from '../finding.ts';

/** ValidatingAdmissionPolicy is there for good since 1.30. */
const OLDEST_MINOR = 30;

/** Whether the API server can be reached, knows us, is new enough, and has the same time. */
export const apiServer: Check = {
  name: 'API server',
  async run(examination, options) {
    const reached = await examination.reached(options);
    if (reached.client === undefined) return [unreached(examination, reached.problem)];
    const { client, username } = reached;
    const { gitVersion, major, minor } = await client.version(options);
    const thing = `API server of ${printable(examination.cluster)}`;
    const isOld = Number(major) === 1 && Number.parseInt(minor, 10) < OLDEST_MINOR;
    const version = isOld
      ? found(
          'KUBERNETES_TOO_OLD',
          thing,
          `is Kubernetes ${printable(gitVersion)}, which has no ValidatingAdmissionPolicy`,
          {
            advice: `bring the cluster to 1.${OLDEST_MINOR} or later: without a policy nothing limits which Secrets the agent writes`,
          },
        )
      : fine(thing, `Kubernetes ${printable(gitVersion)}, as ${printable(username)}`);
    return [version, ...clock(examination, thing, client.server)];
  },
};

function unreached({ cluster, lines }: Examination, problem: Error): Finding {
  const thing = `API server of ${printable(cluster)}`;
  if (!isKubeError(problem)) {
    return found('KUBECONFIG_UNUSABLE', `kubeconfig for ${printable(cluster)}`, printable(problem.message), {
      advice: 'name a context that there is, with --context',
      command: 'kubectl config get-contexts',
    });
  }
  const error: KubeError = problem;
  if (error.code !== 'UNAUTHENTICATED' && error.code !== 'FORBIDDEN') {
    return found('API_UNREACHABLE', thing, printable(error.message), {
      advice: 'see to the connection first: all else about the cluster depends on it',
      command: lines.kubectl('version'),
    });
  }
  return found('API_REFUSES', thing, printable(error.message), {
    advice: 'log in again, or take a kubeconfig whose credentials are still good',
    command: lines.kubectl('auth whoami'),
  });
}
