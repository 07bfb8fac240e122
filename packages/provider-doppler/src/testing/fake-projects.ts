export type Visibility = 'masked' | 'unmasked' | 'restricted';

export interface FakeSecret {
  /** With its references. */
  readonly raw: string;
  readonly visibility: Visibility;
}

/** The projects, configs and secrets of the fake, with Doppler's rules for branch configs, managed names and references. */
export class FakeProjects {
  readonly #projects = new Map<string, Map<string, Map<string, FakeSecret>>>();

  addConfig(project: string, config: string, secrets: Readonly<Record<string, string>> = {}): void {
    const configs = this.#projects.get(project) ?? new Map<string, Map<string, FakeSecret>>();
    this.#projects.set(project, configs.set(config, new Map()));
    for (const [name, raw] of Object.entries(secrets)) this.set(project, config, name, { raw, visibility: 'masked' });
  }

  removeConfig(project: string, config: string): void {
    this.#projects.get(project)?.delete(config);
  }

  hasProject(project: string): boolean {
    return this.#projects.has(project);
  }

  hasConfig(project: string, config: string): boolean {
    return this.#projects.get(project)?.has(config) ?? false;
  }

  set(project: string, config: string, name: string, secret: FakeSecret): void {
    this.#own(project, config).set(name, secret);
  }

  /** Whether it was there. */
  remove(project: string, config: string, name: string): boolean {
    return this.#own(project, config).delete(name);
  }

  /** By name, sorted: a branch config (`prd_aws`) has the secrets of its root (`prd`) below its own; three managed names come on top. */
  secrets(project: string, config: string): ReadonlyMap<string, FakeSecret> {
    const environment = environmentOf(config);
    const root = environment === config ? [] : (this.#projects.get(project)?.get(environment) ?? []);
    const managed = Object.entries({
      DOPPLER_CONFIG: config,
      DOPPLER_ENVIRONMENT: environment,
      DOPPLER_PROJECT: project,
    });
    const merged = new Map<string, FakeSecret>([
      ...root,
      ...this.#own(project, config),
      ...managed.map(([name, raw]) => [name, { raw, visibility: 'unmasked' }] as const),
    ]);
    return new Map([...merged].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The value with `${VAR}`, `${config.VAR}` and `${project.config.VAR}` resolved; what does not exist, or goes in a circle, stays as written. */
  computed(project: string, config: string, name: string): string {
    return this.#resolve(project, config, name, []) ?? '';
  }

  #resolve(project: string, config: string, name: string, path: readonly string[]): string | undefined {
    const here = `${project}.${config}.${name}`;
    if (!this.hasConfig(project, config) || path.includes(here)) return undefined;
    const raw = this.secrets(project, config).get(name)?.raw;
    return raw?.replaceAll(/\$\{([\w.-]+)\}/g, (reference, inner: string) => {
      const parts = inner.split('.');
      const target = parts.pop() ?? '';
      const targetConfig = parts.pop() ?? config;
      const targetProject = parts.pop() ?? project;
      return parts.length > 0
        ? reference
        : (this.#resolve(targetProject, targetConfig, target, [...path, here]) ?? reference);
    });
  }

  #own(project: string, config: string): Map<string, FakeSecret> {
    const own = this.#projects.get(project)?.get(config);
    if (own === undefined) throw new Error(`the fake has no config ${project}/${config}: call addConfig first`);
    return own;
  }
}

/** `prd` of `prd_aws`. */
export function environmentOf(config: string): string {
  return config.split('_')[0] ?? config;
}
