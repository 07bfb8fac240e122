import * as z from 'zod';

/** A source described by templates, without its credentials. */
export type TemplatedConfig = z.infer<typeof templatedConfig>;

export const templatedConfig = z.strictObject({
  protocol: z.literal('templates').optional().describe('`hikyaku` for a service that speaks the hikyaku protocol.'),
  url: z.url().describe('Where the API is; the url of every operation is a path below it.'),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe("Certificates to trust instead of the system's: PEM text, or the path of a PEM file."),
});
