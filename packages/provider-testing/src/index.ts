export { createContext } from './create-context.ts';
export type { ContextOptions, Logged, TestContext } from './create-context.ts';
