/** Where a cluster answers and how to speak to it as its administrator. */
export interface ClusterAccess {
  /** `https://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  /** A PEM file with the authority that signed the server's certificate. */
  readonly caPath: string;
  /** A bearer token with every right. */
  readonly adminToken: string;
}

/** A running API server: one of our own, or one that `HIKYAKU_DEV_KUBECONFIG` names. */
export interface DevCluster extends ClusterAccess, AsyncDisposable {
  /** The path of a kubeconfig file for the administrator; its context is `devcluster` when the server is our own. */
  readonly kubeconfig: string;
  /** False for a server named by `HIKYAKU_DEV_KUBECONFIG`: its data stays, and `kill` and `restart` throw. */
  readonly ownsServer: boolean;
  /** Ends every process, then removes the directory unless the caller chose it. May be called again. */
  stop(): Promise<void>;
  /** Ends every process by SIGKILL, as a crash would. Data and port stay, for `restart`. */
  kill(): Promise<void>;
  /** Ends what runs, starts again on the same port with the same data, and waits until it is ready. */
  restart(): Promise<void>;
}

/** What {@link DevCluster} is started with; everything may be left out. */
export interface DevClusterOptions {
  /** Also run the controller manager: token Secrets, garbage collection, rollouts, deletion of namespaces. */
  readonly controllers?: boolean;
  /** Keep keys, data and logs here, and carry on with what an earlier cluster left. Default: a new directory, removed by `stop`. */
  readonly directory?: string;
  /** The API server writes each request of this user into the file `audit.log` of the directory, as audit.k8s.io/v1 events. */
  readonly audit?: string;
  /** Gives up building and starting. A cluster that was returned is ended by its `stop`. */
  readonly signal?: AbortSignal;
  /** Takes progress, a line at a time. Default: only a build reports, on standard error. */
  readonly log?: (line: string) => void;
  /** Called when a process of a ready cluster ends by itself. */
  readonly onFailure?: (error: Error) => void;
  /** Default: `process.env`. */
  readonly environment?: Readonly<NodeJS.ProcessEnv>;
}
