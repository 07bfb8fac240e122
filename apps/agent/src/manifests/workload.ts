import { DEFAULT_IMAGE } from './install.ts';
import type { Install } from './install.ts';
import { wordValue } from './text-value.ts';

/** Holds the credentials that the config takes from variables: a person makes it. */
export const ENV_SECRET = 'hikyaku-env';
export const HEALTH_PORT = 8081;

export function workloadKind({ settings }: Pick<Install, 'settings'>): 'Deployment' | 'DaemonSet' {
  return settings.daemonset === true ? 'DaemonSet' : 'Deployment';
}

/** The Deployment or DaemonSet; without the image where that stands in a file of its own. */
export function workload(install: Install, image?: string): string {
  return `apiVersion: apps/v1
kind: ${workloadKind(install)}
metadata:
  name: hikyaku
  namespace: hikyaku
  labels: { app.kubernetes.io/name: hikyaku }
spec:
${rollout(install)}  selector:
    matchLabels: { app.kubernetes.io/name: hikyaku }
  template:
    metadata:
      labels: { app.kubernetes.io/name: hikyaku }
    spec:
      serviceAccountName: hikyaku
      automountServiceAccountToken: true # the ServiceAccount says false, for any other Pod here
      enableServiceLinks: false # no variables that name the Services of the namespace
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        seccompProfile: { type: RuntimeDefault }
${spread(install)}      containers:
        - name: hikyaku
          ${image === undefined ? '# the image stands in image.yaml' : `image: ${imageText(image)}`}
          command:
            - node
            - --max-semi-space-size=1
            - --max-old-space-size=48
            - --disable-sigusr1
            - --report-exclude-env
            - /app/hikyaku.js
          args: [${argumentsOf(install).join(', ')}]
          env:
            - { name: MALLOC_ARENA_MAX, value: '2' }
${variables(install)}          ports:
            - { name: health, containerPort: ${HEALTH_PORT} }
${receiverPort(install)}          livenessProbe:
            httpGet: { path: /healthz, port: health }
            periodSeconds: 30
            timeoutSeconds: 5
          readinessProbe:
            httpGet: { path: /readyz, port: health }
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
          configMap: { name: hikyaku-config${items(install)} }
`;
}

/** The patch by which kustomize puts the image into the Deployment or DaemonSet. */
export function imagePatch(install: Install): string {
  return `# The only file that an upgrade changes: hikyaku manifests --kustomize DIR --image NAME, or by hand.
apiVersion: apps/v1
kind: ${workloadKind(install)}
metadata:
  name: hikyaku
  namespace: hikyaku
spec:
  template:
    spec:
      containers:
        - name: hikyaku
          image: ${imageText(install.image)}
`;
}

/** The image in what {@link imagePatch} wrote, by whomever it was changed since. */
export function imageIn(patch: string): string | undefined {
  return /^ +image: (?<image>\S+)/m.exec(patch)?.groups?.['image']?.replaceAll(/^(["'])(.*)\1$/g, '$2');
}

function imageText(image: string): string {
  return image === DEFAULT_IMAGE ? `${image} # to be built by yourself until releases exist` : wordValue(image);
}

function rollout({ settings: { daemonset, replicas = 1 } }: Install): string {
  if (daemonset === true) return '';
  return replicas === 1
    ? '  replicas: 1\n  strategy: { type: Recreate } # one at a time\n'
    : `  replicas: ${replicas} # one works, the others wait\n`;
}

function hasLeader({ settings: { daemonset, replicas = 1 } }: Install): boolean {
  return daemonset === true || replicas > 1;
}

function spread(install: Install): string {
  if (!hasLeader(install) || workloadKind(install) === 'DaemonSet') return '';
  return `      topologySpreadConstraints: # so that one node takes only one of them with it
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: { matchLabels: { app.kubernetes.io/name: hikyaku } }
`;
}

function argumentsOf(install: Install): readonly string[] {
  const { receiver, page, cluster } = install.settings;
  return [
    'run',
    '--config',
    wordValue(install.mounted),
    '--health',
    `'${HEALTH_PORT}'`,
    ...(receiver ? ['--receiver', `'${receiver}'`] : []),
    ...(page ? ['--page', `'${page}'`] : []),
    ...(hasLeader(install) ? ['--leader-election'] : []),
    ...(cluster ? ['--cluster', wordValue(cluster)] : []),
  ];
}

/** Optional, as a source whose variable is missing says so, and the others go on. */
function variables({ variables: names }: Install): string {
  return names
    .map(
      (name) =>
        `            - name: '${name}'\n              valueFrom: { secretKeyRef: { name: ${ENV_SECRET}, key: '${name}', optional: true } }\n`,
    )
    .join('');
}

function receiverPort({ settings: { receiver } }: Install): string {
  return receiver ? `            - { name: notices, containerPort: ${receiver} }\n` : '';
}

/** Where a file is in a folder, which a key of a ConfigMap cannot say. */
function items({ texts }: Install): string {
  if (texts.every(({ key, mounted }) => key === mounted)) return '';
  return `, items: [${texts.map(({ key, mounted }) => `{ key: ${wordValue(key)}, path: ${wordValue(mounted)} }`).join(', ')}]`;
}
