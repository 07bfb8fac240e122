import type { Bundled, BundledPackage } from './bundled-packages.ts';

/** The agent itself. */
interface Product {
  readonly version: string;
  readonly license: string;
  readonly description: string;
}

/**
 * CycloneDX 1.6 as JSON (https://cyclonedx.org/docs/1.6/json/): what the bundle holds of others. It says no time and no number of its own, so
 * that the same bundle has the same bytes.
 */
export function billOfMaterials({ packages, direct }: Bundled, { version, license, description }: Product): string {
  const self = `pkg:generic/hikyaku@${version}`;
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      lifecycles: [{ phase: 'build' }],
      component: {
        type: 'application',
        'bom-ref': self,
        name: 'hikyaku',
        version,
        description,
        licenses: [{ license: { id: license } }],
        purl: self,
      },
    },
    components: [...packages].map(([url, one]) => component(url, one)),
    dependencies: [
      { ref: self, dependsOn: direct },
      ...[...packages].map(([ref, { uses }]) => ({ ref, dependsOn: uses })),
    ],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

function component(url: string, { name, version, licence, homepage, integrity }: BundledPackage): object {
  const [, group, short = name] = /^(@[^/]+)\/(.+)$/.exec(name) ?? [];
  const sha512 = /^sha512-(.+)$/.exec(integrity ?? '')?.[1];
  return {
    type: 'library',
    'bom-ref': url,
    ...(group !== undefined && { group }),
    name: short,
    version,
    ...(sha512 !== undefined && {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(sha512, 'base64').toString('hex') }],
    }),
    licenses: [{ license: { id: licence } }],
    purl: url,
    ...(homepage !== undefined && { externalReferences: [{ type: 'website', url: homepage }] }),
  };
}
