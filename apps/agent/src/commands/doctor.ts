import { overClusters } from '../all-clusters/over-clusters.ts';
import { doctorText } from '../doctor/doctor-text.ts';
import { examine } from '../doctor/examine.ts';
import type { Examined } from '../doctor/examine.ts';
import type { DoctorOptions } from '../doctor/examination.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { hasPodAccount } from '../in-pod.ts';
import { commandLogger } from '../logging.ts';
import { Progress } from '../output/progress.ts';
import { widthOf } from '../output/width-of.ts';
import { styleFor } from '../output/style.ts';
import { UserError } from '../user-error.ts';

export interface DoctorCommandOptions extends DoctorOptions {
  readonly contexts?: readonly string[];
}

/** Looks at everything that could be wrong, in one cluster or in several, and says what to do about it. */
export async function doctor(options: DoctorCommandOptions, edge: Edge): Promise<ExitCode> {
  const { stdout, stderr } = edge;
  // Whoever may write that ConfigMap would choose what of this machine is read, and where it is sent.
  if (options.configMap === true && (options.contexts !== undefined || !hasPodAccount(options, edge)))
    throw new UserError(
      '--config-map is for the pod, with its own ServiceAccount: here the config of the cluster would have the credentials of this machine; give your own file by --config, or run it there: kubectl exec -n hikyaku deploy/hikyaku -- node /app/hikyaku.js doctor --config /config/hikyaku.yaml',
    );
  // What it finds it says by itself.
  const logger = await commandLogger(options, edge, stderr, 'silent');
  using progress = new Progress(edge, !options.json);
  const examined = await overClusters(options, (one, onProgress) => examine(one, edge, logger, onProgress), {
    onProgress: (text) => progress.show(text),
  });
  progress.clear();
  const isOk = ({ findings }: Examined) => findings.every(({ severity }) => severity !== 'problem');
  if (options.json) {
    const clusters = examined.map((one) => ({ ...one, ok: isOk(one) }));
    const document = options.contexts === undefined ? clusters[0] : { ok: examined.every(isOk), clusters };
    stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    stdout.write(doctorText(examined, { width: widthOf(stdout), style: styleFor(edge, stdout) }));
  }
  return examined.every(isOk) ? EXIT.fine : EXIT.failed;
}
