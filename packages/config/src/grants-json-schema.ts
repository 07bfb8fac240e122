import * as z from 'zod';
import { grantsFile } from './grants-file.ts';

/** The JSON Schema (draft 2020-12) of `grants.yaml`, for editors. */
export function grantsJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(grantsFile, { io: 'input', target: 'draft-2020-12' });
  return { $schema, title: 'hikyaku grants', ...rest };
}
