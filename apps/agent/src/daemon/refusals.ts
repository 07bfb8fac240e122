/** Of a watch of the agent's own objects, in a row: about half a minute, in which an API server that has just started loads its rules. */
export const REFUSALS = 5;
