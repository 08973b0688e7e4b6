/** What is used of the library's inside; it publishes types only for the whole. */
declare module '@parse/node-apn/lib/credentials/index.js' {
  /** A JWT that the library signs: at once, and again with each `regenerate(generation)` of the current generation. */
  interface ProviderJwt {
    current: string;
    generation: number;
    regenerate(generation: number): void;
  }
  const prepare: (dependencies: { logger: (error: unknown) => void }) => {
    token(options: { key: string; keyId: string; teamId: string }): ProviderJwt;
  };
  export = prepare;
}

declare module '@parse/node-apn/lib/credentials/certificate/parsePkcs12.js' {
  interface Key {
    fingerprint(): string;
  }
  interface Certificate {
    key(): Key;
    validity(): { notBefore: Date; notAfter: Date };
  }
  /** Throws an `Error` with one of four constant sentences. */
  const parse: (bytes: Buffer, passphrase: string | undefined) => { key: Key | null; certificates: Certificate[] };
  export = parse;
}
