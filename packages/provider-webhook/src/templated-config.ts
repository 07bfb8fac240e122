import { isLoopbackHost, isPlainUrl } from '@hikyaku/provider-utils';
import * as z from 'zod';
import { deleteOperation, listOperation, readAllOperation, readOperation, writeOperation } from './operations.ts';

/** A source described by templates, without its credentials. */
export type TemplatedConfig = z.infer<typeof templatedConfig>;
export type OAuthConfig = NonNullable<TemplatedConfig['oauth']>;

const IN_THE_CLEAR =
  'must be https, or http for a loopback host such as localhost: everything would travel in the clear. If it must be, say `allowPlainHttp: true`';

const basic = z.strictObject({
  username: z
    .string()
    .regex(/^[^:\p{Cc}]+$/u, { error: 'must be a user name: no `:` and no control characters' })
    .describe('For HTTP Basic authentication; goes with `password`.'),
});

const oauth = z.strictObject({
  tokenUrl: address('Where access tokens are given out (the token endpoint). It may be on another host than `url`.'),
  clientId: z.string().min(1).describe('The client that this agent is; goes with `clientSecret`.'),
  scope: z.string().min(1).optional().describe('The scopes to ask for, with spaces between.'),
  parameters: z
    .record(z.string().min(1), z.string())
    .optional()
    .refine(
      (parameters) =>
        !Object.keys(parameters ?? {}).some((name) => /^(grant_type|client_id|client_secret|scope)$/.test(name)),
      {
        error: 'must not have `grant_type`, `client_id`, `client_secret` or `scope`: they have their own words',
      },
    )
    .describe('More to send to the token endpoint, such as `audience`.'),
  authentication: z
    .enum(['basic', 'post'])
    .default('basic')
    .describe('How the client proves itself to the token endpoint: in a header, or in the body.'),
});

export const templatedConfig = z
  .strictObject({
    protocol: z.literal('templates').optional().describe('`hikyaku` for a service that speaks the hikyaku protocol.'),
    url: address('Where the API is. The url of every operation is a path below it.'),
    ca: z
      .string()
      .min(1)
      .optional()
      .describe("Certificates to trust instead of the system's: PEM text, or the path of a PEM file."),
    allowPlainHttp: z.boolean().default(false).describe('Credentials and values may travel in the clear, over http.'),
    basic: basic.optional().describe('HTTP Basic authentication.'),
    oauth: oauth.optional().describe('Access tokens by OAuth 2 client credentials.'),
    timeout: z
      .string()
      .regex(/^[1-9]\d{0,2}s$/, { error: 'must be seconds, such as `10s`', abort: true })
      .transform((text) => Number.parseInt(text, 10) * 1000)
      .refine((ms) => ms <= 300_000, { error: 'must be at most `300s`' })
      .prefault('10s')
      .describe('For each request, from connecting to the last byte.'),
    concurrency: z.int().min(1).max(8).default(4).describe('How many requests of one refresh run at once.'),
    requestsPerMinute: z
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .describe('At the most, by all sources with the same address and account; no limit by default.'),
    read: readOperation.optional().describe('Reads one secret.'),
    readAll: readAllOperation.optional().describe('Reads everything at once.'),
    list: listOperation.optional().describe('Lists the names; each is read then.'),
    write: writeOperation.optional().describe('Creates or changes one secret.'),
    delete: deleteOperation.optional().describe('Removes one secret.'),
  })
  .superRefine(({ url, oauth: token, basic: login, allowPlainHttp, read, readAll, list }, context) => {
    if (!allowPlainHttp && !isSafe(url)) context.addIssue({ code: 'custom', message: IN_THE_CLEAR, path: ['url'] });
    if (token !== undefined && !allowPlainHttp && !isSafe(token.tokenUrl)) {
      context.addIssue({ code: 'custom', message: IN_THE_CLEAR, path: ['oauth', 'tokenUrl'] });
    }
    if (token !== undefined && login !== undefined) {
      context.addIssue({
        code: 'custom',
        message: 'may not be beside `basic`: both fill the same header',
        path: ['oauth'],
      });
    }
    if (read === undefined && readAll === undefined) {
      context.addIssue({
        code: 'custom',
        message: 'needs `read` or `readAll`, which say how it is asked (or `protocol: hikyaku`)',
      });
    }
    if (list !== undefined && read === undefined) {
      context.addIssue({ code: 'custom', message: 'needs `read`, which reads what it lists', path: ['list'] });
    }
    if (list !== undefined && readAll !== undefined) {
      context.addIssue({
        code: 'custom',
        message: 'may not be beside `readAll`, which names everything too',
        path: ['list'],
      });
    }
  });

function address(description: string): z.ZodType<string, string> {
  return z
    .string()
    .refine((text) => /^https?:\/\/[^\s\\/]/i.test(text) && !/[^\x21-\x7e]|\\/.test(text) && URL.canParse(text), {
      error: 'must be an address such as `https://nas.lan/api`',
      abort: true,
    })
    .refine((text) => !text.includes('${'), {
      error: 'must not have a variable: which host is asked is never decided by a name or value',
      abort: true,
    })
    .refine(isPlainUrl, { error: 'must have no user, password, query or fragment' })
    .describe(description);
}

function isSafe(text: string): boolean {
  const url = URL.parse(text);
  return url === null || url.protocol === 'https:' || isLoopbackHost(url.hostname);
}
