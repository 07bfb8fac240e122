import { configMapText } from './config-texts.ts';
import type { Install, InstallFile } from './install.ts';
import { networkPolicy } from './network-policy.ts';
import { receiverService } from './receiver-service.ts';
import { rightsOwn, rightsRestarts } from './rights-texts.ts';
import { workload, workloadKind } from './workload.ts';

/** The objects beside config and image, in the order in which they are applied; the rights are the same for everybody, byte for byte. */
export function installParts(install: Install): readonly InstallFile[] {
  const { grants, restarts, settings } = install;
  return [
    { path: 'install/rights-own.yaml', text: rightsOwn },
    ...(restarts ? [{ path: 'install/rights-restarts.yaml', text: rightsRestarts }] : []),
    { path: 'install/grants.yaml', text: grants },
    ...(settings.networkPolicy ? [{ path: 'install/network-policy.yaml', text: networkPolicy(install) }] : []),
    ...(settings.receiver ? [{ path: 'install/notices.yaml', text: receiverService(settings.receiver) }] : []),
    { path: `install/${workloadKind(install).toLowerCase()}.yaml`, text: workload(install) },
  ];
}

/** All of it as one stream for `kubectl apply -f -`. */
export function plainText(install: Install): string {
  const parts = installParts(install).slice(0, -1);
  const texts = [...parts.map(({ text }) => text), configMapText(install.texts), workload(install, install.image)];
  // What people have written themselves may end in the middle of a line.
  return texts.map((text) => (text.endsWith('\n') ? text : `${text}\n`)).join('---\n');
}
