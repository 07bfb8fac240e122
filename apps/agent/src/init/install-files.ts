import { basename } from 'node:path';
import { rightsOwn } from './rights-own.ts';

/** A file to write, by its path below the folder of the config. */
export interface InstallFile {
  readonly path: string;
  readonly text: string;
}

export interface InstallOptions {
  /** Path of the config. */
  readonly config: string;
  /** Of the agent. */
  readonly image: string;
  /** The ConfigMap `hikyaku-grants`. */
  readonly grants: string;
}

/** To be built by oneself until releases exist. */
export const DEFAULT_IMAGE = 'registry.example/hikyaku:0.1.0';

/** What `kubectl apply -k`, Flux or Argo CD make of the folder of the config: the agent, its rights, its grants, and the config itself. */
export function installFiles({ config, image, grants }: InstallOptions): readonly InstallFile[] {
  return [
    { path: 'kustomization.yaml', text: kustomization(basename(config)) },
    { path: 'install/rights-own.yaml', text: rightsOwn },
    { path: 'install/grants.yaml', text: grants },
    { path: 'install/deployment.yaml', text: deployment(image) },
  ];
}

function kustomization(config: string): string {
  const file = config === 'hikyaku.yaml' ? config : `hikyaku.yaml=${config}`;
  return `# kubectl apply -k . does all of it; Flux and Argo CD take this folder as it is.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - install/rights-own.yaml
  - install/grants.yaml
  - install/deployment.yaml
configMapGenerator:
  - name: hikyaku-config
    namespace: hikyaku
    files: [${file}]
generatorOptions:
  disableNameSuffixHash: true # the agent takes a changed config without a restart
`;
}

function deployment(image: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: hikyaku
  namespace: hikyaku
  labels: { app.kubernetes.io/name: hikyaku }
spec:
  replicas: 1
  strategy: { type: Recreate } # one at a time
  selector:
    matchLabels: { app.kubernetes.io/name: hikyaku }
  template:
    metadata:
      labels: { app.kubernetes.io/name: hikyaku }
    spec:
      serviceAccountName: hikyaku
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        seccompProfile: { type: RuntimeDefault }
      containers:
        - name: hikyaku
          image: ${image}${image === DEFAULT_IMAGE ? ' # to be built by yourself until releases exist' : ''}
          command:
            - node
            - --max-semi-space-size=1
            - --max-old-space-size=48
            - --disable-sigusr1
            - --report-exclude-env
            - /app/hikyaku.js
          args: [run, --config, /config/hikyaku.yaml, --health, '8081']
          env:
            - { name: MALLOC_ARENA_MAX, value: '2' }
          livenessProbe:
            httpGet: { path: /healthz, port: 8081 }
            periodSeconds: 30
            timeoutSeconds: 5
          readinessProbe:
            httpGet: { path: /readyz, port: 8081 }
          resources:
            requests: { cpu: 10m, memory: 128Mi }
            limits: { memory: 192Mi }
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          volumeMounts:
            - { name: config, mountPath: /config, readOnly: true }
      volumes:
        - name: config
          configMap: { name: hikyaku-config }
`;
}
