export { startFakeDoppler } from './fake-doppler.ts';
export type { FakeDoppler, FakeDopplerOptions } from './fake-doppler.ts';
export type { FakeFault, FakeFaultKind } from './fake-fault.ts';
export type { Visibility } from './fake-projects.ts';
export type { FakeLimits } from './fake-rate-limit.ts';
export type { FakeDopplerCounters, FakeDopplerRequest } from './fake-requests.ts';
export type { FakeIdentity } from './fake-tokens.ts';
export { sendWebhook, webhookSignature } from './send-webhook.ts';
export type { WebhookOptions } from './send-webhook.ts';
