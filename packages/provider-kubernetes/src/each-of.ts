/** As many at once as a source has connections, twice. */
const AT_ONCE = 8;

/** Runs `work` for each name, some at a time, in the order of the names. The first that throws ends it. */
export async function eachOf<T>(
  names: Iterable<string>,
  work: (name: string) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const wanted = [...names];
  const results = new Map<string, T>();
  const queue = wanted.values();
  let failed = false;
  async function next(): Promise<void> {
    for (const name of queue) {
      if (failed) return;
      try {
        results.set(name, await work(name));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, wanted.length) }, next));
  return new Map([...results].toSorted(([a], [b]) => wanted.indexOf(a) - wanted.indexOf(b)));
}
