export { ensureReferenceTool, type ReferenceTool } from './ensure-reference-tool.ts';
