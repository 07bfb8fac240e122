import { access } from 'node:fs/promises';

/** True when the path names something that can be reached. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
