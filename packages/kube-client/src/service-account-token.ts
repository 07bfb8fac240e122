import type { Connection } from './connection.ts';
import type { CallOptions, IssuedToken, TokenRequest } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import { path } from './path.ts';
import { asRecord, textsOf } from './plain-text.ts';

export async function serviceAccountToken(
  connection: Connection,
  namespace: string,
  name: string,
  { audiences, expirationSeconds, pod }: TokenRequest,
  options: CallOptions,
): Promise<IssuedToken> {
  const doing = `create a token of ServiceAccount ${namespace}/${name}`;
  const boundObjectRef = pod && { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid };
  const { body } = await connection.request(
    'POST',
    path`/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    {
      ...options,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences, expirationSeconds, boundObjectRef },
      },
      doing,
    },
  );
  const { spec, status } = asRecord(body);
  const { token } = asRecord(status);
  if (typeof token !== 'string') throw new KubeError('UNEXPECTED', `${doing}: the answer has no token`);
  return { token, audiences: textsOf(asRecord(spec)['audiences']) };
}
