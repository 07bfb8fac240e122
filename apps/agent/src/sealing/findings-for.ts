import { configFor } from '@hikyaku/config';
import type { Finding } from './lint-finding.ts';
import { lintConfig } from './lint.ts';
import type { LintOptions } from './lint.ts';
import { usedSources } from './used-sources.ts';

/** Those of a whole config that one cluster has to do with: of sources that it uses, and not about who else uses them. */
export async function findingsFor(
  cluster: string | undefined,
  findings: readonly Finding[],
  options: LintOptions,
): Promise<readonly Finding[]> {
  const { config } = configFor(options.config, cluster);
  const used = usedSources(config);
  const ofUsed = findings.filter(({ path }) => isAbout(path, used));
  if (cluster === undefined) return ofUsed;
  const only = { clusters: new Set([cluster]) };
  const alone = {
    ...config,
    secrets: config.secrets.map((entry) => ({ ...entry, ...only })),
    pushes: config.pushes.map((entry) => ({ ...entry, ...only })),
  };
  const told = new Set((await lintConfig({ ...options, config: alone })).map(textOf));
  return ofUsed.filter((finding) => told.has(textOf(finding)));
}

/** `providers.NAME.…` of a source in use; whatever else is about everybody. */
function isAbout(path: string, used: ReadonlySet<string>): boolean {
  const [word, name = ''] = path.split('.');
  return word !== 'providers' || used.has(name);
}

function textOf({ code, path, message, line }: Finding): string {
  return JSON.stringify([code, path, message, line]);
}
