import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectKube, isKubeError, loadKubeConfig } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { rightsFor } from '@hikyaku/kubernetes';
import { applyYaml, eventually, field, parseManifests, readInstallFile } from '@hikyaku/testbed';
import type { Api } from '@hikyaku/testbed';
import { Agent, request } from 'undici';

export interface DemoClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  /** The agent's own namespace. */
  readonly agentNamespace: string;
  /** Where the Secrets of the demo go. */
  readonly appNamespace: string;
  /** For the agent's kubeconfig. */
  readonly directory: string;
}

/** The cluster of the demo, with the administrator's hands and with the agent's. */
export class DemoCluster implements AsyncDisposable {
  readonly agentKubeconfig: string;
  readonly #options: DemoClusterOptions;
  readonly #client: KubeClient;
  readonly #server: string;
  readonly #tls: { readonly ca?: string; readonly rejectUnauthorized?: boolean };
  #token = '';
  #dispatcher: Agent | undefined;

  constructor(options: DemoClusterOptions) {
    const { kubeconfig, context, directory } = options;
    const loaded = loadKubeConfig({ kubeconfig, context, env: process.env, inCluster: false });
    const { caData, caFile, skipTLSVerify } = loaded.kubeConfig.getCurrentCluster() ?? {};
    this.#options = options;
    this.#client = connectKube(loaded.kubeConfig);
    this.#server = loaded.server;
    this.#tls = {
      ...(caData && { ca: Buffer.from(caData, 'base64').toString('utf8') }),
      ...(!caData && caFile && { ca: readFileSync(caFile, 'utf8') }),
      ...(skipTLSVerify && { rejectUnauthorized: false }),
    };
    this.agentKubeconfig = join(directory, 'agent.kubeconfig');
  }

  /** As the administrator; a refusal is an answer. */
  readonly admin: Api = async (method, path, body, headers = {}) => {
    try {
      const contentType = headers['content-type'];
      const answer = await this.#client.request(method, path, {
        body,
        signal: AbortSignal.timeout(60_000),
        ...(contentType !== undefined && { contentType }),
      });
      return { status: answer.status, body: answer.body, text: JSON.stringify(answer.body) };
    } catch (error) {
      if (!isKubeError(error)) throw error;
      return { status: error.status ?? 0, body: undefined, text: error.message };
    }
  };

  /** With the agent's own token: what the API server answers, word for word. */
  async asAgent(
    method: 'GET' | 'PATCH',
    path: string,
    body?: string,
  ): Promise<{ readonly status: number; readonly message: string }> {
    this.#dispatcher ??= new Agent({ connect: this.#tls });
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/merge-patch+json' };
    const response = await request(this.#server + path, {
      method,
      headers,
      body: body ?? null,
      dispatcher: this.#dispatcher,
    });
    const answer: unknown = await response.body.json();
    return { status: response.statusCode, message: String(field(answer, 'message')) };
  }

  /** Namespaces, the rights of deploy/, and a kubeconfig with the agent's token. */
  async install(): Promise<void> {
    const { agentNamespace, appNamespace } = this.#options;
    for (const name of ['rights-own.yaml', 'grants.yaml'] as const) {
      await applyYaml(this.admin, rightsFor(agentNamespace, await readInstallFile(name)));
    }
    await this.#must('POST', '/api/v1/namespaces', { metadata: { name: appNamespace } });
    const path = `/api/v1/namespaces/${agentNamespace}/serviceaccounts/hikyaku/token`;
    const minted = await this.#must('POST', path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {},
    });
    this.#token = String(field(minted, 'status', 'token'));
    await writeFile(this.agentKubeconfig, this.#kubeconfig(), { mode: 0o600 });
  }

  /** The policy takes effect a moment after it was applied. */
  async awaitPolicy(probe: () => Promise<boolean>): Promise<void> {
    await eventually(probe);
  }

  /** What `kubectl get` prints. */
  async table(path: string): Promise<string> {
    const { body } = await this.#client.request('GET', path, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      signal: AbortSignal.timeout(10_000),
    });
    const columns = list(field(body, 'columnDefinitions')).filter((column) => field(column, 'priority') === 0);
    const rows = list(field(body, 'rows')).map((row) => list(field(row, 'cells')).slice(0, columns.length).map(String));
    const lines = [columns.map((column) => String(field(column, 'name')).toUpperCase()), ...rows];
    const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
    return lines
      .map((line) =>
        line
          .map((cell, i) => cell.padEnd((widths[i] ?? 0) + 3))
          .join('')
          .trimEnd(),
      )
      .join('\n');
  }

  /** Takes everything away again that `install` made. */
  async uninstall(): Promise<void> {
    const { agentNamespace, appNamespace } = this.#options;
    const rights = parseManifests(rightsFor(agentNamespace, await readInstallFile('rights-own.yaml')));
    const plural: Readonly<Record<string, string>> = {
      ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
      ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      ValidatingAdmissionPolicy: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
      ValidatingAdmissionPolicyBinding: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
    };
    // The rights end before the policy that limits them.
    for (const { kind, metadata } of rights) {
      const resource = plural[kind];
      if (resource !== undefined) await this.admin('DELETE', `${resource}/${metadata.name}`);
    }
    for (const namespace of [appNamespace, agentNamespace])
      await this.admin('DELETE', `/api/v1/namespaces/${namespace}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher?.close();
    await this.#client.close();
  }

  async #must(method: 'POST', path: string, body: unknown): Promise<unknown> {
    const answer = await this.admin(method, path, body);
    if (answer.status >= 300 || answer.status === 0) throw new Error(answer.text);
    return answer.body;
  }

  #kubeconfig(): string {
    const { ca, rejectUnauthorized } = this.#tls;
    const cluster = {
      server: this.#server,
      ...(ca && { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
      ...(rejectUnauthorized === false && { 'insecure-skip-tls-verify': true }),
    };
    // JSON is YAML.
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'demo',
      contexts: [{ name: 'demo', context: { cluster: 'demo', user: 'agent' } }],
      clusters: [{ name: 'demo', cluster }],
      users: [{ name: 'agent', user: { token: this.#token } }],
    });
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
