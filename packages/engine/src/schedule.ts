/** When a source is read: so many milliseconds after the last read, or at the times of a cron expression. */
export type Schedule =
  | { readonly everyMs: number }
  | {
      /** Five fields, or six with seconds first, as node-cron takes them. */
      readonly cron: string;
      /** Of the IANA database: `Asia/Tokyo`. */
      readonly timeZone: string;
    };
