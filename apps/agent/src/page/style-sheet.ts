import { readFileSync } from 'node:fs';

/** The text of page.css. The build puts it here, as the built agent may be anywhere. */
export const styleSheet = readFileSync(new URL('page.css', import.meta.url), 'utf8');
