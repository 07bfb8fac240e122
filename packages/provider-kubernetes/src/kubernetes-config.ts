import * as z from 'zod';

/** The source's part of the config file, without its kubeconfig. */
export type KubernetesConfig = z.infer<typeof kubernetesConfig>;

export const kubernetesConfig = z
  .strictObject({
    namespace: z
      .string()
      .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, {
        error: 'must be the name of a namespace: at most 63 lower-case letters, digits and `-`',
      })
      .describe('The namespace whose Secrets are read.'),
    secrets: z
      .array(
        z.string().regex(/^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/, {
          error: 'must be the name of a Secret: lower-case letters, digits, `-` and `.`',
        }),
      )
      .min(1, { error: 'must name a Secret, or be left out' })
      .optional()
      .describe('The Secrets that `dataFrom` and `from` alone mean. Keys under `data` may name others.'),
    server: z
      .url()
      .refine(isApiServer, { error: 'must be an https address without user, query and fragment' })
      .optional()
      .describe("Where the API server of another cluster is, as its kubeconfig says. Absent: the agent's own cluster."),
    context: z.string().min(1).optional().describe('Which context of the kubeconfig; its current one by default.'),
    createType: z
      .string()
      .min(1)
      .default('Opaque')
      .describe('The type of a Secret that a write makes, such as `kubernetes.io/tls`.'),
  })
  .refine(({ server, context }) => server !== undefined || context === undefined, {
    path: ['context'],
    error: 'is of a kubeconfig: it needs `kubeconfig` and `server`',
  })
  .meta({ dependentRequired: { context: ['server'] } });

/** `true` for what is no url at all, which is for another rule to say. */
function isApiServer(text: string): boolean {
  const url = URL.parse(text);
  return url === null || (url.protocol === 'https:' && url.username + url.password + url.search + url.hash === '');
}

/** As it is compared: without slashes at its end. */
export function serverAddress(url: string): string {
  return new URL(url).href.replace(/\/+$/, '');
}
