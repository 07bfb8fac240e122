import type { GlobalOptions } from '../global-options.ts';

/** As commander gives them; what a flag says is not asked. */
export interface InitOptions extends GlobalOptions {
  readonly provider?: (typeof PROVIDER_CHOICES)[number];
  readonly project?: string;
  readonly dopplerConfig?: string;
  readonly vault?: string;
  readonly servicePrincipal?: string;
  readonly kid?: string;
  /** Of the service, where it is not the usual one. */
  readonly url?: string;
  /** `namespace/name` */
  readonly secret?: string;
  readonly tokenEnv: string;
  /** Name of the cluster. */
  readonly cluster?: string;
  /** A public key, or the path of a file with an identity, made where there is none; `false`: none. */
  readonly backup?: string | false;
  readonly image?: string;
  /** A cluster that is there already has another key now. */
  readonly replace?: boolean;
  /** A hook of this clone checks the install files before each commit. */
  readonly hook?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export const PROVIDER_CHOICES = ['doppler', 'sakura', 'later'] as const;
