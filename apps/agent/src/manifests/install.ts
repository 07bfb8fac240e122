import type { ConfigText } from './config-texts.ts';
import type { Settings } from './settings.ts';

/** All that the install files are made of. */
export interface Install {
  readonly settings: Settings;
  readonly image: string;
  readonly texts: readonly ConfigText[];
  /** `--config` in the Pod. */
  readonly mounted: string;
  /** The manifest of the ConfigMap `hikyaku-grants`. */
  readonly grants: string;
  readonly restarts: boolean;
  /** Variables that the config names as credentials. */
  readonly variables: readonly string[];
  /** Ports other than 443 and 6443 that sources are asked at. */
  readonly destinations: readonly Destination[];
}

/** `address` where the config names an address; a name can be any. */
export interface Destination {
  readonly address?: string;
  readonly port: number;
}

/** A file to write, by its path below the folder of the kustomization. */
export interface InstallFile {
  readonly path: string;
  readonly text: string;
}

/** To be built by oneself until releases exist. */
export const DEFAULT_IMAGE = 'registry.example/hikyaku:0.1.0';
