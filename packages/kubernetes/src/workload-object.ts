/** What we read of a Deployment, StatefulSet or DaemonSet. */
export interface WorkloadObject {
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly controller?: boolean;
    }[];
  };
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } };
    readonly template: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec?: PodSpec;
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberAvailable?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
  };
}

interface SecretName {
  readonly name?: string;
}

interface PodSpec {
  readonly containers?: readonly Container[];
  /** Among them the sidecars. */
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly {
    readonly secret?: { readonly secretName?: string };
    readonly projected?: { readonly sources?: readonly { readonly secret?: SecretName }[] };
  }[];
}

interface Container {
  readonly env?: readonly { readonly valueFrom?: { readonly secretKeyRef?: SecretName } }[];
  readonly envFrom?: readonly { readonly secretRef?: SecretName }[];
}

/** The Secrets that its Pods refer to: as environment, volume or part of a projected one. */
export function secretsOf({ spec }: WorkloadObject): ReadonlySet<string> {
  const { containers = [], initContainers = [], volumes = [] } = spec.template.spec ?? {};
  const names = [
    ...[...containers, ...initContainers].flatMap(({ env = [], envFrom = [] }) => [
      ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...envFrom.map(({ secretRef }) => secretRef?.name),
    ]),
    ...volumes.flatMap(({ secret, projected }) => [
      secret?.secretName,
      ...(projected?.sources ?? []).map((source) => source.secret?.name),
    ]),
  ];
  return new Set(names.filter((name) => name !== undefined));
}

/** Whether its Pods are being replaced. One that has given up is not. */
export function isRollingOut({ metadata, spec, status = {} }: WorkloadObject): boolean {
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return true;
  if (status.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded') === true) return false;
  if (status.desiredNumberScheduled !== undefined) {
    const { desiredNumberScheduled: wanted, updatedNumberScheduled = 0, numberAvailable = 0 } = status;
    return updatedNumberScheduled < wanted || numberAvailable < wanted;
  }
  const wanted = (spec.replicas ?? 1) - (spec.updateStrategy?.rollingUpdate?.partition ?? 0);
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  return updatedReplicas < wanted || replicas > (spec.replicas ?? 1) || availableReplicas < wanted;
}
