import type { Provider } from '@hikyaku/core';

/** Any Standard Schema: zod's of ours, whatever a provider's author chose. */
export type Schema = Provider['config'];

/** What is wrong with a value, in the words of the schema's library. */
export type SchemaIssue = NonNullable<Awaited<ReturnType<Schema['~standard']['validate']>>['issues']>[number];
