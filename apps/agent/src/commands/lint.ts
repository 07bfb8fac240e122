import { readConfigFiles } from '@hikyaku/config';
import type { Config, ConfigFile } from '@hikyaku/config';
import { lintContext } from '../all-clusters/cluster-lint.ts';
import type { ContextLint } from '../all-clusters/cluster-lint.ts';
import { lintsText } from '../all-clusters/lints-text.ts';
import { overClusters } from '../all-clusters/over-clusters.ts';
import { worstOf } from '../all-clusters/unless-problem.ts';
import { bindingOfCredential } from '../credentials/binding-of-credential.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { configAt } from '../grants/config-at.ts';
import { GitRevision } from '../grants/git-revision.ts';
import { ConfigError, loadConfigFile } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { count } from '../output/count.ts';
import { printable } from '../output/printable.ts';
import { styleFor } from '../output/style.ts';
import { widthOf } from '../output/width-of.ts';
import { isStandIn } from '../plugins/stand-in.ts';
import { changesBetween } from '../sealing/lint-changes.ts';
import type { Change } from '../sealing/lint-changes.ts';
import { lintLiterals } from '../sealing/lint-literals.ts';
import { changesText, findingsText } from '../sealing/lint-text.ts';
import { lintConfig } from '../sealing/lint.ts';
import { sealedFields } from '../sealing/sealed-fields.ts';

export type LintOptions = LoadConfigOptions & {
  readonly against?: string;
  readonly exitCode?: boolean;
  readonly contexts?: readonly string[];
};

/**
 * Says what is wrong with what is sealed, who can open it, and with `--against` what of that has changed. Needs no key and asks nobody; with
 * `--contexts` it asks each cluster who it is, and says what is about that one.
 */
export async function lint(options: LintOptions, edge: Edge): Promise<ExitCode> {
  const { files } = await readConfigFiles(options.config);
  const config = await loadLinted(options, files, edge);
  const whole = { config, files, bindingOf: bindingOfCredential };
  const findings = await lintConfig(whole);
  const against = options.against === undefined ? undefined : await changesSince(options.against, options, edge);

  const style = styleFor(edge, edge.stdout);
  if (options.contexts !== undefined) {
    const linted = await overClusters(options, (one) => lintContext(one, findings, whole, edge), {
      onProgress: () => {},
    });
    const exitCode = worstOf(linted.map(exitCodeOf));
    if (options.json) edge.stdout.write(`${JSON.stringify({ ...lintsJson(linted), ...against }, null, 2)}\n`);
    else {
      edge.stdout.write(lintsText(linted, { width: widthOf(edge.stdout), style }));
      if (against !== undefined) edge.stdout.write(changesText(options.against ?? '', against.changes, style));
    }
    return exitCode === EXIT.fine && isChanged(options, against) ? EXIT.changes : exitCode;
  }
  if (options.json) {
    const ok = findings.every(({ severity }) => severity !== 'error');
    edge.stdout.write(`${JSON.stringify({ ok, findings, ...against }, null, 2)}\n`);
  } else {
    edge.stdout.write(
      findings.length > 0
        ? findingsText(findings, style)
        : `${style.good('✓')} ${printable(options.config)}: ${count(sealedFields(config).length, 'sealed credential')}, ${count(config.recipients.size, 'recipient')}: all in order\n`,
    );
    for (const { name, provider } of config.sources.values()) {
      if (isStandIn(provider))
        edge.stdout.write(style.faint(`  not checked: ${name}, whose plug-in ${provider.type} was not run\n`));
    }
    if (against !== undefined) edge.stdout.write(changesText(options.against ?? '', against.changes, style));
  }
  if (findings.some(({ severity }) => severity === 'error')) return EXIT.failed;
  return isChanged(options, against) ? EXIT.changes : EXIT.fine;
}

function isChanged({ exitCode }: LintOptions, against: { readonly changes: readonly Change[] } | undefined): boolean {
  return exitCode === true && (against?.changes.length ?? 0) > 0;
}

function exitCodeOf({ lint: one }: ContextLint): ExitCode {
  if ('problem' in one) return one.exitCode;
  return one.findings.some(({ severity }) => severity === 'error') ? EXIT.failed : EXIT.fine;
}

function lintsJson(linted: readonly ContextLint[]): object {
  const clusters = linted.map((context) => ({
    ok: exitCodeOf(context) === EXIT.fine,
    context: context.context,
    ...context.lint,
    exitCode: undefined,
  }));
  return { ok: clusters.every(({ ok }) => ok), clusters };
}

/** A file that cannot be used may hold a key all the same. */
async function loadLinted(options: LintOptions, files: readonly ConfigFile[], edge: Edge): Promise<Config> {
  try {
    return await loadConfigFile(options, edge);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const literals = files.flatMap(lintLiterals);
    const found = literals.map(({ file, line, column, path, message, advice }) => ({
      file,
      line,
      column,
      path,
      message,
      suggestion: advice,
    }));
    throw new ConfigError([...error.problems, ...found]);
  }
}

async function changesSince(
  against: string,
  options: LintOptions,
  edge: Edge,
): Promise<{ readonly against: string; readonly changes: readonly Change[] }> {
  const revision = await GitRevision.of(against, options.config, edge);
  const before = await configAt(revision, { ...options, against }, edge);
  // As before: without what the code of plug-ins would say.
  const now = await loadConfigFile({ ...options, plugins: false }, edge);
  return { against: revision.hash, changes: await changesBetween(before, now) };
}
