import type { FoldOptions, Manifest } from "../../archive/manifest.ts";
import { version } from "../../version.ts";

/** What an archive says of itself in the metadata of its object, so that many can be compared without reading them. */
export interface ArchiveFacts {
  /** As it is listed. */
  readonly name: string;
  readonly lineage: string;
  readonly options: FoldOptions;
  readonly orthos: number;
  readonly tar_sha256: string;
  readonly content_sha256: string;
  /** Of the sentences, encoded: two texts of which fold knows the same have the same. */
  readonly sentences_sha256: string;
  readonly sentences_bytes: number;
  /** The key of the text in the input bucket; empty for a merge. */
  readonly input: string;
  /** Of the text's bytes; empty for a merge. */
  readonly input_sha256: string;
  /** The program that made it. */
  readonly version: string;
}

/** All metadata of an object may take 2 KB, names of fields included: the long ones share what the others leave. */
const LONGEST = { name: 300, lineage: 400, input: 300 } as const;
/** Behind what was cut; a plus sign that belongs to the text is encoded. */
const CUT = "+";

/** This program, as it writes itself into archives' metadata. */
export const thisVersion = `${version.fold} ${version.commit}`;

/** The text that an archive was made of; both are empty for a merge. */
export type FoldedText = Pick<ArchiveFacts, "input" | "input_sha256">;

/** The facts of an archive file. */
export function factsOf(manifest: Manifest, name: string, tar_sha256: string, text: FoldedText): ArchiveFacts {
  const { lineage, options, orthos, content_sha256, interner } = manifest;
  const { sha256: sentences_sha256, size: sentences_bytes } = interner;
  return {
    ...{ name, lineage, options, orthos, tar_sha256, content_sha256, sentences_sha256, sentences_bytes },
    ...text,
    version: thisVersion,
  };
}

/** Whether two descriptions are of one archive, as far as anything is decided by them. */
export function areOfOne(a: ArchiveFacts, b: ArchiveFacts): boolean {
  const key = ({ options, tar_sha256, content_sha256, sentences_sha256, sentences_bytes }: ArchiveFacts) => {
    const { max_dims, min_volume, shard } = options;
    const hashes = [tar_sha256, content_sha256, sentences_sha256];
    return JSON.stringify([max_dims, min_volume, shard?.number, shard?.of, ...hashes, sentences_bytes]);
  };
  return key(a) === key(b);
}

/**
 * Facts as metadata: ASCII, short enough. A text that is too long is cut; the whole is in the archive.
 *
 * @param manifest for the counts that only people look at
 */
export function toMetadata(facts: ArchiveFacts, manifest: Manifest): Record<string, string> {
  const { max_dims, min_volume, shard } = facts.options;
  return {
    "fold-name": encode(facts.name, LONGEST.name),
    "fold-lineage": encode(facts.lineage, LONGEST.lineage),
    "fold-input": encode(facts.input, LONGEST.input),
    "fold-input-sha256": facts.input_sha256,
    "fold-options": `${max_dims ?? "all"} ${min_volume} ${shard === null ? "whole" : `${shard.number}/${shard.of}`}`,
    "fold-counts": `${facts.orthos} ${facts.sentences_bytes} ${manifest.distinct_sentences} ${manifest.vocabulary}`,
    "fold-tar-sha256": facts.tar_sha256,
    "fold-content-sha256": facts.content_sha256,
    "fold-sentences-sha256": facts.sentences_sha256,
    "fold-version": facts.version,
  };
}

/** The facts that are nowhere but in the metadata; empty where they are not there, or not whole. */
export function saidOnly(metadata: Readonly<Record<string, string>>) {
  return {
    input: decode(metadata["fold-input"] ?? CUT) ?? "",
    input_sha256: metadata["fold-input-sha256"] ?? "",
    version: metadata["fold-version"] ?? "",
  };
}

/** Facts as the metadata of an object has them; null where they are not all there, or not whole. */
export function fromMetadata(metadata: Readonly<Record<string, string>>): ArchiveFacts | null {
  const options = parseOptions(metadata["fold-options"] ?? "");
  const counts = /^(\d{1,15}) (\d{1,15}) /.exec(metadata["fold-counts"] ?? "");
  const [name, lineage, input] = ["name", "lineage", "input"].map((field) => decode(metadata[`fold-${field}`] ?? CUT));
  const hashes = ["tar", "content", "sentences"].map((what) => metadata[`fold-${what}-sha256`] ?? "");
  if (options === null || counts === null || !hashes.every((hash) => /^[0-9a-f]{64}$/.test(hash))) return null;
  if (name === null || lineage === null || input === null) return null;
  const [tar_sha256, content_sha256, sentences_sha256] = hashes as [string, string, string];
  return {
    ...{ name, lineage, options, tar_sha256, content_sha256, sentences_sha256 },
    orthos: Number(counts[1]),
    sentences_bytes: Number(counts[2]),
    ...saidOnly(metadata),
  };
}

function parseOptions(text: string): FoldOptions | null {
  const match = /^(all|\d{1,9}) (\d{1,15}) (?:whole|(\d{1,9})\/(\d{1,9}))$/.exec(text);
  if (match === null) return null;
  const [, dims, volume, number, of] = match;
  const shard = number === undefined ? null : { number: Number(number), of: Number(of) };
  return { max_dims: dims === "all" ? null : Number(dims), min_volume: Number(volume), shard };
}

/** Percent-encoded; cut, with a mark, where that is longer than so many letters. */
function encode(text: string, most: number): string {
  const whole = encodeURIComponent(text.toWellFormed());
  if (whole.length <= most) return whole;
  return `${whole.slice(0, most - CUT.length).replace(/%.?$/, "")}${CUT}`;
}

/** null for a text that was cut or was never whole. */
function decode(text: string): string | null {
  if (text.endsWith(CUT)) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    // Somebody else's metadata.
    return null;
  }
}
