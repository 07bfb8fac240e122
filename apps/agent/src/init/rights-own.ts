import { readFileSync } from 'node:fs';

/** The text of deploy/rights-own.yaml. The build puts it here, as the built agent may be anywhere. */
export const rightsOwn = readFileSync(new URL('../../../../deploy/rights-own.yaml', import.meta.url), 'utf8');
