import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export interface WebhookOptions {
  readonly url: string;
  readonly project: string;
  readonly config: string;
  /** Signs the body; without it there is no signature. */
  readonly signingSecret?: string;
  /** The `authorization` header, when the webhook has one. */
  readonly authorization?: string;
  readonly diff?: {
    readonly added?: readonly string[];
    readonly removed?: readonly string[];
    readonly updated?: readonly string[];
  };
  /** A custom payload, which replaces Doppler's. */
  readonly payload?: string;
  /** `twice`: Doppler does not promise once. `late`: after `delayMs`. `wrongly-signed`: with another secret. */
  readonly mode?: 'once' | 'twice' | 'late' | 'wrongly-signed';
  /** Of `late`; 100 by default. */
  readonly delayMs?: number;
}

/** Calls a webhook the way Doppler does (https://docs.doppler.com/docs/webhooks). The statuses answered, in order. */
export async function sendWebhook(options: WebhookOptions): Promise<readonly number[]> {
  const { url, signingSecret, authorization, mode = 'once', delayMs = 100 } = options;
  const body = options.payload ?? JSON.stringify(defaultPayload(options));
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (authorization !== undefined) headers['authorization'] = authorization;
  if (signingSecret !== undefined)
    headers['x-doppler-signature'] = webhookSignature(body, mode === 'wrongly-signed' ? randomUUID() : signingSecret);
  if (mode === 'late') await delay(delayMs);

  const statuses: number[] = [];
  for (let count = mode === 'twice' ? 2 : 1; count > 0; count--) {
    const response = await fetch(url, { method: 'POST', headers, body });
    await response.body?.cancel();
    statuses.push(response.status);
  }
  return statuses;
}

/** `sha256=<lower-case hex of the HMAC-SHA256 of the raw body>`, as in `X-Doppler-Signature`. */
export function webhookSignature(body: string | Uint8Array, signingSecret: string): string {
  return `sha256=${createHmac('sha256', signingSecret).update(body).digest('hex')}`;
}

function defaultPayload({ project, config, diff = {} }: WebhookOptions): object {
  const createdAt = '2026-01-01T00:00:00.000Z';
  return {
    type: 'config.secrets.update',
    diff: { added: diff.added ?? [], removed: diff.removed ?? [], updated: diff.updated ?? [] },
    config: { name: config, created_at: createdAt, environment: config.split('_')[0], project },
    project: { id: project, name: project, description: '', created_at: createdAt },
    workplace: { id: 'fake', name: 'Fake', billing_email: 'billing@example.com' },
  };
}
