export type {
  BulkItem,
  Config,
  CredentialReference,
  DataItem,
  NoticesConfig,
  Position,
  PushEntry,
  Recipient,
  SealedReference,
  SecretEntry,
  SourceConfig,
  Threshold,
  Transform,
} from './config.ts';
export { configFor } from './config-for.ts';
export type { ClusterConfig } from './config-for.ts';
export { ConfigEditError } from './edit/edit-error.ts';
export { fileHolding } from './edit/file-holding.ts';
export { removeValue } from './edit/remove-value.ts';
export { setValue } from './edit/set-value.ts';
export type { EditValue } from './edit/value-text.ts';
export { DEFAULT_GRANTS, grantsPush } from './grants.ts';
export type { Grants, PlugInGrant, PushGrant } from './grants.ts';
export { isSecretId, parseGrants } from './grants-file.ts';
export type { GrantsResult } from './grants-file.ts';
export { grantsJsonSchema } from './grants-json-schema.ts';
export { grantsRestart, policyRefusals, readPolicyGrants } from './grants-policy.ts';
export type { PolicyGrants, PolicyRefusal, WantedSecret } from './grants-policy.ts';
export { readGrantsData, readGrantsFile } from './grants-reading.ts';
export type { GrantsReading } from './grants-reading.ts';
export { formatGrants, formatGrantsConfigMap, formatGrantsWord, GRANTS_CONFIG_MAP, grantsData } from './grants-text.ts';
export type { GrantsData } from './grants-text.ts';
export { jsonSchema } from './json-schema.ts';
export { UnusableProviderError } from './known-providers.ts';
export type { KnownProviders } from './known-providers.ts';
export { isNoticeCredential, noticeCredentials } from './notices.ts';
export { isConfigName, loadConfig, parseConfigFiles, readConfigFiles } from './load-config.ts';
export type { ConfigFiles } from './load-config.ts';
export { nearest } from './nearest.ts';
export { parseConfig } from './parse-config.ts';
export type { LoadResult, ParseOptions } from './parse-config.ts';
export { formatProblems } from './problem.ts';
export type { Problem } from './problem.ts';
export type { ConfigFile } from './read-yaml.ts';
export { recipientNameProblem } from './recipients.ts';
