import { bindingOfCredential } from '../../credentials/binding-of-credential.ts';
import { count } from '../../output/count.ts';
import { printable } from '../../output/printable.ts';
import { findingsFor } from '../../sealing/findings-for.ts';
import { lintConfig } from '../../sealing/lint.ts';
import { sealedFields } from '../../sealing/sealed-fields.ts';

import { UserError } from '../../user-error.ts';
import type { Check } from '../diagnose.ts';
import { fine, found } from '../finding.ts';

/** What `lint` finds, of what this cluster uses and of the recipients. */
export const sealed: Check = {
  name: 'sealed credentials',
  async run(examination, options) {
    const config = await examination.config(options);
    const here = await examination.here(options);
    const files = await examination.files(options);
    if (config === undefined || here === undefined || files === undefined) return [];
    if (sealedFields(config).length === 0) return [];
    const whole = { config, files: files.files, bindingOf: bindingOfCredential };
    const cluster = here instanceof UserError ? undefined : here.cluster;
    const mine = await findingsFor(cluster, await lintConfig(whole), whole);
    if (mine.length === 0)
      return [fine('sealed credentials', `${count(sealedFields(config).length, 'value')}, all in order`)];
    return mine.map(({ severity, code, file, line, column, path, message, advice }) =>
      found(
        severity === 'error' ? 'SEALED_WRONG' : 'SEALED_DOUBTFUL',
        `${printable(file)}:${line}:${column}`,
        printable(`${message.includes(path) ? message : `${path}: ${message}`} (${code})`),
        { advice: printable(advice) },
      ),
    );
  },
};
