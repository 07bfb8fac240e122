import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DevCluster, DevClusterOptions } from './dev-cluster.ts';
import { connectToCluster } from './existing-cluster.ts';
import { OwnCluster } from './own-cluster.ts';
import { findServerPrograms } from './server-programs.ts';

/**
 * Starts an API server and waits until it is ready, in about three seconds. The server is built from source at first need (five minutes),
 * unless `KUBEBUILDER_ASSETS` or `HIKYAKU_DEV_KUBECONFIG` names another. Every cluster has its own ports and its own directory.
 */
export async function startDevCluster(options: DevClusterOptions = {}): Promise<DevCluster> {
  const { controllers = false, directory, audit, signal, log, onFailure, environment = process.env } = options;
  signal?.throwIfAborted();
  const existing = environment['HIKYAKU_DEV_KUBECONFIG'];
  if (existing) return connectToCluster(resolve(existing), signal);

  const programs = await findServerPrograms({ environment, controllers, log, signal });
  const cluster = new OwnCluster({
    programs,
    directory: directory === undefined ? await mkdtemp(join(tmpdir(), 'devcluster-')) : resolve(directory),
    removeDirectory: directory === undefined,
    audit,
    log,
    onFailure,
  });
  try {
    await cluster.start(signal);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}
