/** One name in the ways code writes it. */
export interface ProviderName {
  /** `nas-box`: what stands behind `type:`. */
  readonly kebab: string;
  /** `nasBox` */
  readonly camel: string;
  /** `NasBox` */
  readonly pascal: string;
  /** `NAS_BOX` */
  readonly upper: string;
}

const LONGEST = 40;
/** Packages of ours that are no providers. */
const TAKEN: readonly string[] = ['utils', 'testing'];

/** Throws an Error with a message for who typed the name. */
export function parseProviderName(kebab: string): ProviderName {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(kebab) || kebab.length > LONGEST) {
    throw new Error(
      `${JSON.stringify(kebab)} is no name for a provider: lower-case letters, digits and single dashes, ` +
        `beginning with a letter, at most ${LONGEST} characters; such as nas-box`,
    );
  }
  if (TAKEN.includes(kebab)) throw new Error(`packages/provider-${kebab} is something else: choose another name`);
  const pascal = kebab.replaceAll(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  return { kebab, camel, pascal, upper: kebab.replaceAll('-', '_').toUpperCase() };
}

/** The text of the template, which is a provider named `acme`, with another name. */
export function renamed(text: string, { kebab, camel, pascal, upper }: ProviderName): string {
  return text
    .replaceAll('ACME', upper)
    .replaceAll('Acme', pascal)
    .replaceAll(/\bacme(?=[A-Z])/g, camel)
    .replaceAll('acme', kebab);
}
