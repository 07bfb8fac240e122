/**
 * The text of a module that is zod as plug-ins see it. Run from the sources it is the installed one; the build puts a copy of
 * its own here, as text, so that the agent's own zod stays cut to what the agent calls and this one costs nothing unused.
 */
export const zodModule = [
  `export * from ${JSON.stringify(import.meta.resolve('zod'))};`,
  `export { default } from ${JSON.stringify(import.meta.resolve('zod'))};`,
].join('\n');
