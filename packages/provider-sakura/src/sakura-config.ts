import { isPlainUrl, isSafeUrl } from '@hikyaku/provider-utils';
import * as z from 'zod';

const DURATION = /^([1-9][0-9]{0,8})([smhd])$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const NOT_A_DURATION = 'must be a duration from `10m` to `20d`, such as `30m`, `12h` or `7d`';

/** The source's part of the config file, without its credentials. */
export type SakuraConfig = z.infer<typeof sakuraConfig>;
export type ServicePrincipalConfig = z.infer<typeof servicePrincipal>;

const NOT_KEYS = 'must be the id of a key, or one for each cluster: `{ home: 9f…, cabin: 41… }`';
const keyId = z.string().regex(/^[\w.:-]{1,128}$/, { error: 'must be the id of a key, the `kid` that SAKURA gave it' });

const servicePrincipal = z.strictObject({
  id: z
    .string({
      error: ({ input }) => (typeof input === 'number' ? 'must be text: put the id in quotes' : undefined),
    })
    .regex(/^\d{1,20}$/, { error: 'must be the id of a service principal: digits, in quotes' })
    .describe('Id of the service principal: the digits that the control panel shows, in quotes.'),
  kid: z
    .union([keyId, z.record(z.string().min(1), keyId).refine(isNotEmpty, { error: NOT_KEYS })], {
      error: NOT_KEYS,
    })
    .describe(
      'What SAKURA calls the public key of this cluster; or one for each cluster, by the names under `recipients`.',
    ),
  tokenUrl: z
    .url()
    .refine(isSafeUrl, {
      error: 'must be https, or http for a loopback host such as localhost: access tokens would travel in the clear',
    })
    .refine(isPlainUrl, { error: 'must have no user, query or fragment' })
    .optional()
    .describe("Where access tokens are given out; on the host of `url`. By default SAKURA's path there."),
});

export const sakuraConfig = z
  .strictObject({
    vault: z
      .string({
        error: ({ input }) =>
          typeof input === 'number' ? 'must be text: put the 12 digits of the vault id in quotes' : undefined,
      })
      .regex(/^\d{12}$/, { error: 'must be the id of a vault: 12 digits, in quotes' })
      .describe('Id of the vault: the 12 digits that the control panel shows, in quotes.'),
    url: z
      .url()
      .default('https://secure.sakura.ad.jp/cloud/zone/tk1a/api/cloud/1.1')
      .refine(isSafeUrl, {
        error:
          'must be https, or http for a loopback host such as localhost: the API key and the values would travel in the clear',
      })
      .refine(isPlainUrl, {
        error: 'must have no user, query or fragment: it is the base of the paths below /secretmanager',
      })
      .describe('Where the SAKURA Cloud API is, with its path. Vaults are the same in every zone.'),
    ca: z
      .string()
      .min(1)
      .optional()
      .describe("Certificates to trust for `url` instead of the system's: PEM text, or the path of a PEM file."),
    requestsPerMinute: z
      .int()
      .min(1)
      .max(100)
      .default(60)
      .describe(
        'The most requests a minute with this API key. The quota of a contract is 100: divide it by the number of clusters.',
      ),
    rereadAfter: z
      .string()
      .regex(DURATION, { error: NOT_A_DURATION, abort: true })
      .transform(toMs)
      .refine((ms) => ms >= toMs('10m') && ms <= toMs('20d'), { error: NOT_A_DURATION })
      .prefault('12h')
      .describe(
        'A value is read again after this time although its version is the same, in case the secret was deleted and made again.',
      ),
    servicePrincipal: servicePrincipal
      .optional()
      .describe('Instead of an API key: the cluster signs with its own key, and nothing secret is in the config.'),
  })
  .refine(
    ({ url, servicePrincipal: principal }) =>
      principal?.tokenUrl === undefined || new URL(principal.tokenUrl).origin === new URL(url).origin,
    {
      path: ['servicePrincipal', 'tokenUrl'],
      error:
        'must be on the host of `url`: what the token endpoint gives out goes to `url`, so with two hosts one could get what is meant for the other',
    },
  );

function isNotEmpty(map: object): boolean {
  return Object.keys(map).length > 0;
}

function toMs(text: string): number {
  const [, amount, unit = ''] = DURATION.exec(text) ?? [];
  return Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
}
