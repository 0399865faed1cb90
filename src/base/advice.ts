/**
 * What to do with a member whose data folder is not whole. Not a copy: with an older log it could vote away entries
 * that it has acknowledged (Raft persists before it answers; docs/recovery.md).
 */
export const joinAnewAdvice =
  'remove this member (kvorum remove) and join it anew with an empty data folder (kvorum serve -join); never start an older copy of the folder in its place';
