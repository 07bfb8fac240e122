import type { ClusterPaths, ClusterPorts } from './cluster-files.ts';

export function etcdArguments(paths: ClusterPaths, ports: ClusterPorts): readonly string[] {
  const clientUrl = `http://127.0.0.1:${ports.etcd}`;
  return [
    `--data-dir=${paths.etcdData}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    // No second member exists, so any port does.
    '--listen-peer-urls=http://127.0.0.1:0',
    // Data then survives SIGKILL but not a power cut, and every write is faster.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

// The API server's limits of requests in flight stay as they are: 32 at a time are far below what one ServiceAccount may have (about 245),
// and a client that would be slowed down by a real cluster should be slowed down here.
export function apiServerArguments(paths: ClusterPaths, ports: ClusterPorts): readonly string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    `--cert-dir=${paths.certificates}`,
    `--secure-port=${ports.apiServer}`,
    '--bind-address=127.0.0.1',
    // Named because the default is the address of the default route, and a machine without network has none. Endpoints must not be loopback
    // addresses, so none are written.
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--token-auth-file=${paths.tokens}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${paths.verifyingKey}`,
    `--service-account-signing-key-file=${paths.signingKey}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    // Without it one open watch holds an orderly end up for a minute.
    '--shutdown-watch-termination-grace-period=1s',
  ];
}

export function auditArguments(paths: ClusterPaths): readonly string[] {
  return [
    `--audit-policy-file=${paths.auditPolicy}`,
    `--audit-log-path=${paths.auditLog}`,
    '--audit-log-mode=blocking',
  ];
}

const controllers = [
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'deployment-controller',
  'replicaset-controller',
  'root-ca-certificate-publisher-controller',
  'validatingadmissionpolicy-status-controller',
];

export function controllerManagerArguments(paths: ClusterPaths): readonly string[] {
  return [
    `--kubeconfig=${paths.kubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
    `--service-account-private-key-file=${paths.signingKey}`,
    `--root-ca-file=${paths.ca}`,
    `--controllers=${controllers.join(',')}`,
  ];
}
