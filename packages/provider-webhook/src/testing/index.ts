export type { FakeProtocolOffer } from './fake-protocol-api.ts';
export type { FakeProtocolError } from './fake-protocol-collection.ts';
export type { FakeProtocolFault, FakeProtocolFaultKind } from './fake-protocol-fault.ts';
export { startFakeProtocol } from './fake-protocol.ts';
export type { FakeProtocol, FakeProtocolOptions, FakeProtocolRequest } from './fake-protocol.ts';
