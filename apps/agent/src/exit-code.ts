/** What a shell sees. */
export const EXIT = {
  fine: 0,
  /** Something failed, was refused or is held. */
  failed: 1,
  /** Wrong usage or configuration; nothing was touched. */
  usage: 2,
  /** `--exit-code` of `plan` and `lint`: there are changes. */
  changes: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
