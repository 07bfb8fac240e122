import { isPlainUrl, isSafeUrl } from '@hikyaku/provider-utils';
import * as z from 'zod';

/** The source's part of the config file, without its token. */
export type DopplerConfig = z.infer<typeof dopplerConfig>;

export type OidcConfig = NonNullable<DopplerConfig['oidc']>;

const needs = { project: ['config'], config: ['project'], oidc: ['project', 'config'] };

const NOT_IDENTITIES =
  'must be the id of a service account identity, a UUID, or one for each cluster: `{ home: …, cabin: … }`';
const identity = z.uuid({ error: 'must be the id of a service account identity, a UUID' });

export const dopplerConfig = z
  .strictObject({
    project: z
      .string()
      .min(1)
      .optional()
      .describe(
        'The Doppler project. Needed with a personal or service account token; with a service token it guards against a mixed-up token.',
      ),
    config: z
      .string()
      .min(1)
      .optional()
      .describe('The Doppler config, such as `prd` or `prd_aws`. Goes together with `project`.'),
    url: z
      .url()
      .default('https://api.doppler.com')
      .refine(isSafeUrl, {
        error:
          'must be https, or http for a loopback host such as localhost: the token and the values would travel in the clear',
      })
      .refine(isPlainUrl, { error: 'must have no user, query or fragment: it is the base of the paths below /v3' })
      .describe('Where the Doppler API is.'),
    ca: z
      .string()
      .min(1)
      .optional()
      .describe("Certificates to trust for `url` instead of the system's: PEM text, or the path of a PEM file."),
    managedSecrets: z
      .boolean()
      .default(false)
      .describe('Keep DOPPLER_PROJECT, DOPPLER_ENVIRONMENT and DOPPLER_CONFIG, which Doppler adds to every config.'),
    oidc: z
      .strictObject({
        identity: z
          .union([identity, z.record(z.string().min(1), identity).refine(isNotEmpty, { error: NOT_IDENTITIES })], {
            error: NOT_IDENTITIES,
          })
          .describe(
            'Id of the service account identity, as Doppler shows it; or one for each cluster, by the names under `recipients`.',
          ),
        audience: z
          .string()
          .optional()
          .describe(
            'For whom the token of the ServiceAccount is. Only the origin of `url` is possible, which is the default.',
          ),
      })
      .optional()
      .describe(
        'Instead of a token: the agent proves who it is by its ServiceAccount. Team and Enterprise plans; needs `project` and `config`.',
      ),
  })
  .refine(({ project, config }) => (project === undefined) === (config === undefined), {
    error: 'project and config go together: give both, or neither to use the config that a service token opens',
  })
  .refine(({ oidc, project }) => oidc === undefined || project !== undefined, {
    path: ['oidc'],
    error: 'needs `project` and `config`: an identity opens more than one config',
  })
  .refine(({ oidc, url }) => oidc?.audience === undefined || oidc.audience === new URL(url).origin, {
    path: ['oidc', 'audience'],
    error:
      'must be the origin of `url`, such as `https://api.doppler.com`: a token for anybody else could be used there',
  })
  .meta({ dependentRequired: needs });

function isNotEmpty(map: object): boolean {
  return Object.keys(map).length > 0;
}
