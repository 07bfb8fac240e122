/** What a sealed credential may be used for: written into the file, authenticated, and readable without a key. */
export interface Binding {
  /** Kind of provider and the credential's field: `doppler/token`, `webhook/headers.X-Api-Key`. Never the name of a source, which may change. */
  readonly use: string;
  /** The only origins it may be sent to, sorted. Empty for a credential that says itself where it goes, such as a kubeconfig. */
  readonly to: readonly string[];
  /** SHA-256 of the certificates that are trusted there instead of the system's: `sha256-` and base64url. */
  readonly ca?: string;
}
