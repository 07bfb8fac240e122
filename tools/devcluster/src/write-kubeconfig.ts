import { readFile, rename, writeFile } from 'node:fs/promises';

/** The context that our own kubeconfig files select. */
export const contextName = 'devcluster';

export interface TokenKubeconfig {
  readonly url: string;
  readonly caPath: string;
  readonly user: string;
  readonly token: string;
  readonly namespace: string;
}

/** Writes a kubeconfig that needs no other file, readable by its owner only. */
export async function writeKubeconfig(
  path: string,
  { url, caPath, user, token, namespace }: TokenKubeconfig,
): Promise<void> {
  const authority = await readFile(caPath);
  // A JSON string is a YAML string, whatever it holds.
  const text = `apiVersion: v1
kind: Config
clusters:
  - name: ${contextName}
    cluster:
      server: ${JSON.stringify(url)}
      certificate-authority-data: ${authority.toString('base64')}
users:
  - name: ${JSON.stringify(user)}
    user:
      token: ${JSON.stringify(token)}
contexts:
  - name: ${contextName}
    context:
      cluster: ${contextName}
      user: ${JSON.stringify(user)}
      namespace: ${JSON.stringify(namespace)}
current-context: ${contextName}
`;
  // Renamed into place, so that a reader never sees half a file and an existing file's wider mode does not stay.
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
