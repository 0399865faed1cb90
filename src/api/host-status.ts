/** What a member has of its machine; undefined: that cannot be found out there. */
export interface HostStatus {
  /** Of the file system that holds the data folder, for this process. */
  readonly diskFreeBytes: number | undefined;
  readonly diskSizeBytes: number | undefined;
  /** File descriptors of this process. */
  readonly openFiles: number | undefined;
  /** Undefined too where there is no limit. */
  readonly openFilesMax: number | undefined;
}
