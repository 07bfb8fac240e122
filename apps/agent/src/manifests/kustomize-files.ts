import { relative } from 'node:path';
import { isInside } from '../file-access.ts';
import { configMapText, NO_SUBSTITUTION } from './config-texts.ts';
import type { Install, InstallFile } from './install.ts';
import { installParts } from './install-parts.ts';
import { formatSettings } from './settings.ts';
import { imagePatch } from './workload.ts';

export const KUSTOMIZATION = 'kustomization.yaml';
export const IMAGE_FILE = 'install/image.yaml';
const MARK = '# Written by hikyaku manifests, with these flags: ';

/** The files that may be there, of which some belong to some settings alone. */
export const ALL_FILES: readonly string[] = [
  KUSTOMIZATION,
  IMAGE_FILE,
  ...['rights-own', 'rights-restarts', 'grants', 'network-policy', 'notices', 'deployment', 'daemonset', 'config'].map(
    (name) => `install/${name}.yaml`,
  ),
];

/** What `kubectl apply -k`, Flux or Argo CD make of a folder: the agent, its rights, its grants, and the config itself. */
export function kustomizeFiles(install: Install, folder: string): readonly InstallFile[] {
  const parts = installParts(install);
  // kustomize reads nothing above its folder, so a config from elsewhere is copied.
  const isBelow = install.texts.every(({ path }) => isInside(path, folder));
  const copy = isBelow ? [] : [{ path: 'install/config.yaml', text: configMapText(install.texts) }];
  const resources = [...parts.slice(0, -1), ...copy, ...parts.slice(-1)];
  return [
    { path: KUSTOMIZATION, text: kustomization(install, resources, isBelow ? folder : undefined) },
    ...resources,
    { path: IMAGE_FILE, text: imagePatch(install) },
  ];
}

/** The flags that a kustomization was written with; `undefined` where it is somebody else's. */
export function settingsIn(kustomizationText: string): string | undefined {
  const line = kustomizationText.split('\n').find((one) => one.startsWith(MARK));
  const flags = line?.slice(MARK.length).trim();
  return flags === 'none' ? '' : flags;
}

function kustomization(install: Install, resources: readonly InstallFile[], folder: string | undefined): string {
  const flags = formatSettings(install.settings) || 'none';
  return `# kubectl apply -k . does all of it; Flux and Argo CD take this folder as it is.
${MARK}${flags}
# It writes these files whole: what you add belongs into another kustomization that names this one.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
${resources.map(({ path }) => `  - ${path}\n`).join('')}patches:
  - path: ${IMAGE_FILE}
${folder === undefined ? '' : generator(install, folder)}`;
}

function generator({ texts }: Install, folder: string): string {
  const files = texts.map(({ key, path }) => {
    const file = relative(folder, path);
    return JSON.stringify(file === key ? key : `${key}=${file}`);
  });
  const list = files.length === 1 ? ` [${files[0]}]\n` : `\n${files.map((file) => `      - ${file}\n`).join('')}`;
  return `configMapGenerator:
  - name: hikyaku-config
    namespace: hikyaku
    options: { annotations: { ${NO_SUBSTITUTION} } } # \`\${name}\` is not Flux's to replace
    files:${list}generatorOptions:
  disableNameSuffixHash: true # the agent takes a changed config without a restart
`;
}
