/** The last work on each path, done or not. Of the whole process: two sources may name the same file. */
const last = new Map<string, Promise<unknown>>();

/** Runs `work` when no other work on this path is going on. */
export async function exclusively<T>(path: string, work: () => Promise<T>): Promise<T> {
  const mine = (last.get(path) ?? Promise.resolve()).then(work);
  const done = mine.catch(() => {});
  last.set(path, done);
  try {
    return await mine;
  } finally {
    if (last.get(path) === done) last.delete(path);
  }
}
