import type { Api } from './cluster.ts';
import { field, succeeded } from './cluster.ts';

/** What the agent remembers of one Secret. */
export interface InventoryLine {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly shape?: string;
  readonly whenRemoved?: string;
  readonly existing?: string;
  /** By source and key. */
  readonly keys?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly intended?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const inventoryPath = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-inventory';

/** By `namespace/name`. */
export async function readInventory(admin: Api): Promise<ReadonlyMap<string, InventoryLine>> {
  const text = field(succeeded(await admin('GET', inventoryPath)), 'data', 'secrets.json');
  const parsed: Record<string, InventoryLine> = typeof text === 'string' ? JSON.parse(text) : {};
  return new Map(Object.entries(parsed));
}

/** As somebody edits it by hand; a text goes as it is. */
export async function writeInventory(admin: Api, lines: string | ReadonlyMap<string, InventoryLine>): Promise<void> {
  const text = typeof lines === 'string' ? lines : JSON.stringify(Object.fromEntries(lines));
  const headers = { 'content-type': 'application/merge-patch+json' };
  succeeded(await admin('PATCH', inventoryPath, { data: { 'secrets.json': text } }, headers));
}
