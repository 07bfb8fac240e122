import { readFile } from 'node:fs/promises';
import { isNoticeCredential } from '@hikyaku/config';
import type { SourceConfig } from '@hikyaku/config';
import { ProviderError } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';
import { bindingOf, SealedError } from '@hikyaku/sealing';
import type { Binding } from '@hikyaku/sealing';
import { loadBuiltIn } from '../providers.ts';

export interface BindingOptions {
  /** The real path of a file, which is what to read; rejects where the config may not name it. */
  readonly checkFile?: ((path: string) => Promise<string>) | undefined;
}

/**
 * What a credential of this field has to be sealed for. A plug-in says `plug-in:NAME/token`, NAME as it stands behind `type:`, so that
 * no code from outside can ask for what was sealed for a provider of ours. Rejects with `INVALID_CONFIG` where the certificates cannot
 * be read, or are none.
 */
export async function bindingOfCredential(
  { provider, description }: Pick<SourceConfig, 'provider' | 'description'>,
  field: string,
  options: BindingOptions = {},
): Promise<Binding> {
  const { origins, ca } = description;
  const pem = ca === undefined ? undefined : await certificatesText(ca, options);
  try {
    // What was sealed as the next secret of notices becomes their secret by moving its text.
    const use = isNoticeCredential(field) ? 'notices.secret' : field;
    return bindingOf(await kindOf(provider), use, origins, pem);
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    const where = ca === undefined || isPem(ca) ? '' : `the CA file ${ca}: `;
    throw new ProviderError('INVALID_CONFIG', `${where}${error.message}`);
  }
}

/** Certificates as PEM text, whether the config has them or the path of a file. */
export async function certificatesText(ca: string, { checkFile }: BindingOptions = {}): Promise<string> {
  if (isPem(ca)) return ca;
  const path = (await checkFile?.(ca)) ?? ca;
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new ProviderError('INVALID_CONFIG', `the CA file ${ca} cannot be read`);
  }
}

function isPem(ca: string): boolean {
  return ca.includes('-----BEGIN');
}

async function kindOf(provider: Provider): Promise<string> {
  const isOurs = provider === (await loadBuiltIn(provider.type));
  return isOurs ? provider.type : `plug-in:${provider.type}`;
}
