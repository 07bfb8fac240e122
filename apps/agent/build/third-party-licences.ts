import type { Bundled } from './bundled-packages.ts';

const RULE = '-'.repeat(80);

/** The licences and notices of all that the bundle holds of others, in full, as they ask for. */
export function thirdPartyLicences({ packages }: Bundled): string {
  const parts = [...packages.values()].map(({ name, version, licence, homepage, texts }) => {
    const title = `${name} ${version} (${licence})${homepage === undefined ? '' : `\n${homepage}`}`;
    return [RULE, title, ...texts].join('\n\n');
  });
  return ['hikyaku holds parts of these packages.', ...parts].join('\n\n').concat('\n');
}
