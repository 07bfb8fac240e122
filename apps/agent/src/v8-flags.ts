import { setFlagsFromString } from 'node:v8';

// undici parses HTTP in WebAssembly. Compiling that a second time, optimized, costs 12 MiB for good and no request gets faster
// (measured: docs/decisions/0004-dependencies.md). Both take effect until the first connection.
setFlagsFromString('--no-wasm-tier-up');
setFlagsFromString('--no-wasm-dynamic-tiering');

// Optimizing in the background keeps a thread's memory arena, 8 MiB here, for functions that a mostly idle agent hardly calls.
setFlagsFromString('--no-concurrent-recompilation');
