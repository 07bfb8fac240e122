export { ensureReferenceTool, moduleOf, type ReferenceTool } from './ensure-reference-tool.ts';
