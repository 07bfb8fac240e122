import * as z from 'zod';

/** What stands below `/v1`; empty for the description. */
export type Operation = '' | 'read' | 'list' | 'write' | 'watch';

/** Opaque text of 1 to 1024 UTF-16 code units, without U+0000 and without half a surrogate pair. */
const text = z
  .string()
  .min(1)
  .max(1024)
  .refine((value) => !value.includes('\0') && value.isWellFormed());

const value = z.string().refine((base64) => Buffer.from(base64, 'base64').toString('base64') === base64);

const retryAfterSeconds = z.number().min(0).optional();

/** Why one secret could not be read. `NOT_FOUND` is none of them: such a secret is left out. */
const readError = z.object({
  code: z.enum(['FORBIDDEN', 'RATE_LIMITED', 'UNAVAILABLE', 'PENDING', 'UNSUPPORTED', 'INVALID_RESPONSE']),
  retryAfterSeconds,
});

/** Why one change was not applied. */
const writeError = z.object({
  code: z.enum(['CONFLICT', 'FORBIDDEN', 'RATE_LIMITED', 'UNAVAILABLE', 'UNSUPPORTED', 'INVALID_CONFIG']),
  retryAfterSeconds,
});

/** `GET /v1`. Words of `offers` that are not known here are of a later time. */
export const description = z.object({
  protocol: z.literal('hikyaku'),
  version: z.literal(1),
  offers: z.array(z.string()),
});

/** Of a read whose revision still holds. */
const unchangedAnswer = z.object({
  unchanged: z.literal(true),
  revision: text,
  secrets: z.never().optional(),
});

/** Without `pins` the service knows no pinned versions. */
const contentAnswer = z.object({
  unchanged: z.undefined().optional(),
  complete: z.literal(true),
  revision: text.optional(),
  secrets: z.array(z.object({ name: text, version: text.optional(), valueBase64: value })),
  pins: z.array(z.object({ name: text, version: text, valueBase64: value })).optional(),
  unknown: z.array(z.object({ name: text, version: text.optional(), error: readError })).optional(),
});

/** `POST /v1/read`. */
export const readAnswer = z.discriminatedUnion('unchanged', [unchangedAnswer, contentAnswer]);

/** `POST /v1/list`. */
export const listAnswer = z.object({
  complete: z.literal(true),
  secrets: z.array(z.object({ name: text, version: text.optional() })),
});

/** `POST /v1/write`: one result per change, in their order. */
export const writeAnswer = z.object({
  results: z.array(z.object({ name: text, version: text.optional(), error: writeError.optional() })),
});

/** `POST /v1/watch`. */
export const watchAnswer = z.object({ revision: text });

/** The body of an answer of 400 and more. */
export const errorAnswer = z.object({
  error: z.object({
    code: z.enum([
      'UNAUTHENTICATED',
      'FORBIDDEN',
      'NOT_FOUND',
      'RATE_LIMITED',
      'UNAVAILABLE',
      'CONFLICT',
      'UNSUPPORTED',
      'PENDING',
      'INVALID_CONFIG',
      'INVALID_RESPONSE',
    ]),
  }),
});

export type Description = z.infer<typeof description>;
export type ContentAnswer = z.infer<typeof contentAnswer>;
export type ItemError = z.infer<typeof readError> | z.infer<typeof writeError>;
