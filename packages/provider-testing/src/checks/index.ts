import type { Claim } from '../check.ts';
import { absence } from './absence.ts';
import { cancellation } from './cancellation.ts';
import { failedWrites } from './failed-writes.ts';
import { faults } from './faults.ts';
import { listing } from './listing.ts';
import { names } from './names.ts';
import { origins } from './origins.ts';
import { partial } from './partial.ts';
import { pins } from './pins.ts';
import { providerObject } from './provider-object.ts';
import { reading } from './reading.ts';
import { secrecy } from './secrecy.ts';
import { unchanged } from './unchanged.ts';
import { values } from './values.ts';
import { watching } from './watching.ts';
import { writing } from './writing.ts';
import { writtenValues } from './written-values.ts';

/** The contract, in the order in which an author wants to see it fail. */
export const claims: readonly Claim[] = [
  ...providerObject,
  ...reading,
  ...absence,
  ...unchanged,
  ...pins,
  ...partial,
  ...values,
  ...names,
  ...cancellation,
  ...faults,
  ...origins,
  ...listing,
  ...writing,
  ...writtenValues,
  ...failedWrites,
  ...watching,
  ...secrecy,
];
