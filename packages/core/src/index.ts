export type { CallOptions } from './call-options.ts';
export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export type { LogFields, Logger } from './logger.ts';
export { isProviderError, ProviderError } from './provider-error.ts';
export type { ProviderErrorCode, ProviderErrorOptions } from './provider-error.ts';
export { providerProblems } from './provider-problems.ts';
export { defineProvider } from './provider.ts';
export type {
  Assertion,
  ClientTls,
  CredentialField,
  DispatcherOptions,
  FileAccess,
  Notice,
  NoticeVerdict,
  Provider,
  ProviderContext,
  SourceDescription,
} from './provider.ts';
export { readEach } from './read-each.ts';
export type { ReadEachOptions } from './read-each.ts';
export { previousIfSame, sameSnapshot } from './same-snapshot.ts';
export { SecretValue } from './secret-value.ts';
export { refId } from './secrets-client.ts';
export type {
  ReadRequest,
  Secret,
  SecretChange,
  SecretInfo,
  SecretRef,
  SecretsClient,
  Snapshot,
  WriteResult,
} from './secrets-client.ts';
export { untilAborted } from './until-aborted.ts';
