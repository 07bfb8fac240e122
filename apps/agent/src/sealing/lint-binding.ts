import type { Binding } from '@hikyaku/sealing';

/** `doppler/token at https://api.doppler.com`. */
export function bindingText({ use, to, ca }: Binding): string {
  const where = to.length === 0 ? use : `${use} at ${to.join(' and ')}`;
  return ca === undefined ? where : `${where} with the certificates ${ca}`;
}

export function sameBinding(a: Binding, b: Binding): boolean {
  return a.use === b.use && a.ca === b.ca && a.to.length === b.to.length && a.to.every((one, i) => one === b.to[i]);
}
