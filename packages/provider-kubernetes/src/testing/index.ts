export { startFakeApiServer } from './fake-api-server.ts';
export type { FakeApiServer, FakeApiServerOptions, FakeRequest, FakeSecretOptions } from './fake-api-server.ts';
export type { FakeFault, FakeFaultKind } from './fake-fault.ts';
export type { FakeMetadata, FakeNamespacePhase, FakeSecretObject } from './fake-objects.ts';
export type { FakeRule, FakeVerb } from './fake-rights.ts';
