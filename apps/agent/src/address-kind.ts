import { BlockList, isIPv6 } from 'node:net';

/** What an address is that is not one where a provider of secrets would be. */
export type AddressKind = 'loopback' | 'link-local' | 'metadata' | 'unspecified';

interface Ranges {
  readonly v4: readonly string[];
  readonly v6: readonly string[];
}

/**
 * Loopback, link-local and unspecified by the IANA registries of special-purpose addresses (RFC 6890). `metadata` is where clouds
 * give out credentials of the machine, as far as that is not link-local: AWS (also EKS Pod Identity), Google, Alibaba, Azure, Oracle.
 */
const RANGES: readonly (readonly [AddressKind, Ranges])[] = [
  ['loopback', { v4: ['127.0.0.0/8'], v6: ['::1/128'] }],
  ['link-local', { v4: ['169.254.0.0/16'], v6: ['fe80::/10'] }],
  [
    'metadata',
    {
      v4: ['100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
      v6: ['fd00:ec2::254/128', 'fd00:ec2::23/128', 'fd20:ce::254/128'],
    },
  ],
  ['unspecified', { v4: ['0.0.0.0/8'], v6: ['::/128'] }],
];

/** How IPv6 writes IPv4 addresses: compatible and mapped (RFC 4291, 2.5.5), and translated by NAT64 (RFC 6052, 2.1). */
const EMBEDDING_PREFIXES = ['::', '::ffff:', '64:ff9b::'];

const LISTS = RANGES.map(([kind, ranges]) => [kind, listOf(ranges)] as const);

/** `undefined` for every other address. */
export function addressKind(address: string): AddressKind | undefined {
  // Without the interface that a link-local address may end with.
  const [bare = ''] = address.split('%');
  return LISTS.find(([, list]) => list.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4'))?.[0];
}

/** Whether both are one address, also where one of them is an IPv4 address written as IPv6. */
export function sameAddress(a: string, b: string): boolean {
  const list = new BlockList();
  list.addAddress(a, isIPv6(a) ? 'ipv6' : 'ipv4');
  return list.check(b, isIPv6(b) ? 'ipv6' : 'ipv4');
}

function listOf({ v4, v6 }: Ranges): BlockList {
  const list = new BlockList();
  for (const range of v4) {
    const [address = '', bits] = range.split('/');
    list.addSubnet(address, Number(bits), 'ipv4');
    for (const prefix of EMBEDDING_PREFIXES) list.addSubnet(prefix + address, 96 + Number(bits), 'ipv6');
  }
  for (const range of v6) {
    const [address = '', bits] = range.split('/');
    list.addSubnet(address, Number(bits), 'ipv6');
  }
  return list;
}
