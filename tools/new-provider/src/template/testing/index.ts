export { startFakeAcme } from './fake-acme.ts';
export type { FakeAcme, FakeFault } from './fake-acme.ts';
