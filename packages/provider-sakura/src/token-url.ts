import type { ServicePrincipalConfig } from './sakura-config.ts';

/** Of `sacloud-sdk-go`: the IAM API beside the Secret Manager's. */
const PATH = '/cloud/api/iam/1.0/service-principals/oauth2/token';

/** Where a service principal gets its access tokens; the assertion says that it is for this address. */
export function tokenUrlOf({ tokenUrl }: Pick<ServicePrincipalConfig, 'tokenUrl'>, base: string): string {
  return tokenUrl ?? new URL(PATH, base).href;
}
