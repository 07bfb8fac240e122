import { fileURLToPath } from 'node:url';
import { ensureGoProgram } from '@hikyaku/devcluster';
import type { EnsureBinaryOptions } from '@hikyaku/devcluster';

/** A tool more: `go get -tool PACKAGE@VERSION` in `go/`, and its line here. */
const PACKAGES = {
  age: 'filippo.io/age/cmd/age',
  'age-keygen': 'filippo.io/age/cmd/age-keygen',
  'age-vectors': './age-vectors',
  helm: 'helm.sh/helm/v4/cmd/helm',
  kustomize: 'sigs.k8s.io/kustomize/kustomize/v5',
  promtool: 'github.com/prometheus/prometheus/cmd/promtool',
} as const;

/** What the image is checked with; few requirements, so they are built in seconds. */
const IMAGE_PACKAGES = { dockerfile: './dockerfile', sbom: './sbom' } as const;

export type ReferenceTool = keyof typeof PACKAGES | keyof typeof IMAGE_PACKAGES;

const ALL: Readonly<Record<ReferenceTool, string>> = { ...PACKAGES, ...IMAGE_PACKAGES };

/** The path of a program, built when this version of it has not been built yet. */
export async function ensureReferenceTool(name: ReferenceTool, options: EnsureBinaryOptions = {}): Promise<string> {
  return ensureGoProgram(
    {
      name,
      title: name,
      directory: moduleOf(name),
      package: ALL[name],
      duration: 'up to a few minutes',
      missingGo: `${name} is built from source: install Go 1.26 or newer (https://go.dev/dl) and put it on the PATH`,
    },
    options,
  );
}

/** The folder of the Go module that a program belongs to. */
export function moduleOf(name: ReferenceTool): string {
  return fileURLToPath(new URL(name in IMAGE_PACKAGES ? '../image' : '../go', import.meta.url));
}
