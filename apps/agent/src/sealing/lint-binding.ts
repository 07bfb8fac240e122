import type { Binding } from '@hikyaku/sealing';

/** `doppler/token at https://api.doppler.com`. */
export function bindingText({ use, to, ca }: Binding): string {
  const where = to.length === 0 ? use : `${use} at ${to.join(', ')}`;
  return ca === undefined ? where : `${where} with certificates ${ca}`;
}
