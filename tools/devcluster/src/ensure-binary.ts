import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureGoProgram, type EnsureBinaryOptions } from './ensure-go-program.ts';

const directory = fileURLToPath(new URL('../go', import.meta.url));

/** The path of the server binary, built on first need. */
export async function ensureDevClusterBinary(options: EnsureBinaryOptions = {}): Promise<string> {
  return ensureGoProgram(
    {
      name: 'devcluster',
      title: 'a Kubernetes API server',
      directory,
      linkerFlags: await linkerFlags(),
      duration: 'about five minutes, from a warm Go cache half a minute',
      missingGo,
    },
    options,
  );
}

const missingGo = `The dev cluster needs a Kubernetes API server, and nothing to make one of was found. Do one of these:
  - install Go 1.26 or newer (https://go.dev/dl) and put it on the PATH: the server is then built from source, once, in about five minutes
  - set KUBEBUILDER_ASSETS to a directory that holds etcd and kube-apiserver (setup-envtest downloads one)
  - set HIKYAKU_DEV_KUBECONFIG to the kubeconfig of a cluster that may be written to (kind, minikube, k3d)`;

/** Without the version, /version answers v0.0.0-master, which clients that compare versions do not understand. */
async function linkerFlags(): Promise<string> {
  const version = /^\s*k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\S+)/m.exec(
    await readFile(join(directory, 'go.mod'), 'utf8'),
  );
  if (version === null) throw new Error('go.mod of the dev cluster requires no k8s.io/kubernetes');
  const [, full, major, minor] = version;
  const set = 'k8s.io/component-base/version';
  return `-s -w -X ${set}.gitVersion=${full} -X ${set}.gitMajor=${major} -X ${set}.gitMinor=${minor} -X ${set}.gitTreeState=clean`;
}
