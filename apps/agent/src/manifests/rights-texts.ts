import { readFileSync } from 'node:fs';

/** The texts of deploy/rights-own.yaml and deploy/rights-restarts.yaml. The build puts them here, as the built agent may be anywhere. */
export const rightsOwn = textOf('rights-own.yaml');
export const rightsRestarts = textOf('rights-restarts.yaml');

function textOf(name: string): string {
  return readFileSync(new URL(`../../../../deploy/${name}`, import.meta.url), 'utf8');
}
