export type { Check, CheckResult } from './check.ts';
export { ContractFailure } from './contract-failure.ts';
export { createContext } from './create-context.ts';
export type { ContextOptions, Logged, SentRequest, TestContext } from './create-context.ts';
export type { Awaitable, Fault, Faults, Fixture, Need, Setup } from './fixture.ts';
export { collectChecks, runChecks } from './run-checks.ts';
export type { SuiteOptions, Without } from './run-checks.ts';
export { testProvider } from './test-provider.ts';
export type { Test, TestRun } from './test-provider.ts';
