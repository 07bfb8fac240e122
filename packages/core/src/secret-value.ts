/**
 * The bytes of one secret. They sit in a private field; `reveal` and `text` are the only ways out. Printing, JSON, string
 * conversion and `util.inspect` (also with `showHidden`) give `[secret]`.
 */
export class SecretValue {
  readonly #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes a copy; text is stored as UTF-8. */
  static of(value: string | Uint8Array): SecretValue {
    return new SecretValue(typeof value === 'string' ? Buffer.from(value, 'utf8') : Uint8Array.from(value));
  }

  /** The bytes themselves: do not change them, do not log them. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  /** The bytes as UTF-8 text, or `undefined` when they are not valid UTF-8. */
  text(): string | undefined {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#bytes);
    } catch {
      return undefined;
    }
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /** Whether both hold the same bytes; also between two installed copies of this package. */
  equals(other: SecretValue): boolean {
    return Buffer.compare(this.#bytes, other.reveal()) === 0;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
