import * as z from 'zod';
import { dnsLabel, dnsSubdomain, secretKey } from './kubernetes-names.ts';

const secretReference = z.strictObject({
  name: dnsSubdomain().describe('Name of the Secret'),
  key: secretKey().describe('Key within the Secret'),
  namespace: dnsLabel().optional().describe("Namespace of the Secret; the agent's own by default"),
});

const sealedText = z
  .string()
  .regex(/^\s*-----BEGIN AGE ENCRYPTED FILE-----/, {
    error: 'must be an age file in armor, as `hikyaku seal` writes it',
  })
  .describe('The credential, encrypted: one age file in armor, as `hikyaku seal` writes it');

const unbound = z
  .literal(true, { error: 'must be `true`, or be left out' })
  .optional()
  .describe('It was made by plain `age`, and so does not say where it may be sent');

/** What stands for each cluster under `perCluster`. */
export const sealedWords = z.strictObject({ sealed: sealedText, unbound });

const tokenWords = z.strictObject({
  audience: z
    .string()
    .optional()
    .describe('Whom the token is for: an origin of the source (`https://host`), which is the default where it has one'),
});

const forms = {
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
      error: 'must be the name of an environment variable: letters, digits and `_`',
    })
    .optional()
    .describe('Name of an environment variable of the agent'),
  file: z
    .string()
    .min(1, { error: 'must be the path of a file' })
    .optional()
    .describe('Path of a file, relative to the config file; read again when it changes'),
  secretRef: secretReference.optional().describe('A key of a Secret in the cluster'),
  sealed: sealedText.optional(),
  perCluster: z
    .record(z.string(), sealedWords)
    .optional()
    .meta({ minProperties: 1, description: 'By name of the cluster: a credential of its own, sealed for it' }),
  serviceAccountToken: tokenWords
    .optional()
    .describe("A short-lived token of the agent's own ServiceAccount, for services that can check it"),
};

/** The words of which exactly one stands in a reference. */
export const credentialForms: readonly string[] = Object.keys(forms);

/** Where a credential is kept. */
export const credentialReference = z.strictObject({ ...forms, unbound }).meta({
  oneOf: credentialForms.map((form) => ({ required: [form] })),
  dependentRequired: { unbound: ['sealed'] },
  description: `Where the credential is kept: ${credentialForms.join(', ')}. Never the credential itself`,
});
