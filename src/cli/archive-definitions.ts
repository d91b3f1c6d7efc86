import type { CommandDefinition } from "./command.ts";
import { fresh, json, name, outDir, quiet, stateDir, storageBackend, threads } from "./common-flags.ts";
import { type FlagValues, oneOf, repeated, shape, share, singleWord, valued, wholeNumber } from "./flags.ts";

export const showFlags = { json, stateDir, storageBackend };

export const exportFlags = {
  shape: valued("only this shape, dims in any order", "3x3", shape, null),
  minVolume: valued("only orthos of at least this volume", "V", wholeNumber(1), 1, "1"),
  containing: repeated("only orthos that hold this word; more than once: all of the words", "WORD", singleWord),
  origin: valued("only orthos that start with this word", "WORD", singleWord, null),
  limit: valued("stop after so many orthos", "N", wholeNumber(0), null, "none"),
  format: oneOf("canonical lines, or one JSON object a line", ["lines", "jsonl"], "lines"),
  stateDir,
  storageBackend,
};

export const mergeFlags = {
  out: outDir,
  name: { ...name, shown: "the names of the archives, joined" },
  threads,
  fresh,
  json,
  quiet,
  stateDir,
  storageBackend,
};

export const verifyFlags = {
  sample: valued("check the orthos of this share of the chunks, for instance 1/30", "P", share, 1, "1"),
  json,
  stateDir,
  storageBackend,
};

/** The commands that read archives. */
export const archiveDefinitions: readonly CommandDefinition[] = [
  {
    name: "show",
    summary: "what is in an archive, with its best ortho drawn",
    parameters: "ARCHIVE",
    atLeast: 1,
    atMost: 1,
    flags: showFlags,
    examples: [
      ["show fold_state/archives/book.tar.zst", "a file"],
      ["show book", "an archive of the state directory, by the name that status tells"],
      ["show book.tar.zst --json", "for programs"],
    ],
    endsAtOnce: true,
    load: () => import("./show.ts"),
  },
  {
    name: "export",
    summary: "the orthos of an archive as canonical lines",
    parameters: "ARCHIVE",
    atLeast: 1,
    atMost: 1,
    flags: exportFlags,
    examples: [
      ["export book.tar.zst --shape 3x3", "all of one shape"],
      ["export book.tar.zst --containing whale --limit 10", "the first ten with a word in them"],
      ["export book.tar.zst --min-volume 4 --format jsonl", "the large ones, for programs"],
      ["export book.tar.zst | LC_ALL=C sort | sha256sum", "the digest of the set"],
    ],
    endsAtOnce: true,
    load: () => import("./export.ts"),
  },
  {
    name: "merge",
    summary: "the archive of the union of several",
    parameters: "ARCHIVE...",
    atLeast: 1,
    atMost: Infinity,
    flags: mergeFlags,
    examples: [["merge a.tar.zst b.tar.zst --name both", "what folding both texts together gives"]],
    load: () => import("./merge.ts"),
  },
  {
    name: "verify",
    summary: "check an archive: every hash, every ortho against its sentences",
    about:
      "It proves that the file is whole and that each ortho in it is a true one of the archive's own sentences, there once; it does not notice orthos that somebody has left out, with counts and hashes to match: that none is missing shows only when the text is folded again, and the archives are compared.",
    parameters: "ARCHIVE",
    atLeast: 1,
    atMost: 1,
    flags: verifyFlags,
    examples: [
      ["verify book.tar.zst", "all of it"],
      ["verify book.tar.zst --sample 1/30", "every hash, and the orthos of one chunk in thirty"],
    ],
    load: () => import("./verify.ts"),
  },
];

export type ShowFlags = FlagValues<typeof showFlags>;
export type ExportFlags = FlagValues<typeof exportFlags>;
export type MergeFlags = FlagValues<typeof mergeFlags>;
export type VerifyFlags = FlagValues<typeof verifyFlags>;
