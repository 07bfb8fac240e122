export { startFakeSakura } from './fake-sakura.ts';
export type { FakeApiKey, FakeSakura, FakeSakuraOptions } from './fake-sakura.ts';
export type { FakeFault, FakeFaultKind } from './fake-fault.ts';
export type { FakeOperation, FakeSakuraCounters, FakeSakuraRequest } from './fake-requests.ts';
