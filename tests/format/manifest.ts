// The manifest, section 7 of FORMAT.md; part of the second reader (reader.ts).
import { insist } from "./wire.ts";

interface Member {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly format: number;
  readonly name: string;
  readonly lineage: string;
  readonly sources: readonly { name: string; sentences: number; tokens: number }[];
  readonly options: {
    readonly max_dims: number | null;
    readonly min_volume: number;
    readonly shard: { readonly number: number; readonly of: number } | null;
  };
  readonly distinct_sentences: number;
  readonly vocabulary: number;
  readonly orthos: number;
  readonly shapes: Record<string, number>;
  readonly optimal: { dims: number[]; volume: number; cells: number; words: string[] } | null;
  readonly interner: Member;
  readonly chunks: readonly (Member & {
    readonly orthos: number;
    readonly shapes: Record<string, number>;
    readonly start: readonly [string, string, number];
  })[];
  readonly optimal_txt: Member;
  readonly content_sha256: string;
}

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const hash: Check = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

function integer(least = 0): Check {
  return (value) => Number.isSafeInteger(value) && (value as number) >= least;
}

function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

function list(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

/** An object with at least these fields: section 13 lets others come. */
function fields(checks: Record<string, Check>): Check {
  return (value) =>
    isObject(value) &&
    Object.entries(checks).every(([name, check]) => Object.hasOwn(value, name) && check(value[name]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const shapes: Check = (value) =>
  isObject(value) &&
  Object.entries(value).every(([shape, count]) => /^\d+(x\d+){1,63}$/.test(shape) && integer(1)(count));

const start: Check = (value) =>
  Array.isArray(value) && value.length === 3 && text(value[0]) && text(value[1]) && integer()(value[2]);

const member = { path: text, size: integer(), sha256: hash };

const manifestChecks = fields({
  format: integer(1),
  name: text,
  lineage: text,
  sources: list(fields({ name: text, sentences: integer(), tokens: integer() })),
  options: fields({
    max_dims: orNull(integer(2)),
    min_volume: integer(1),
    shard: orNull(fields({ number: integer(1), of: integer(1) })),
  }),
  distinct_sentences: integer(),
  vocabulary: integer(),
  orthos: integer(),
  shapes,
  optimal: orNull(fields({ dims: list(integer(2)), volume: integer(1), cells: integer(4), words: list(text) })),
  interner: fields(member),
  chunks: list(fields({ ...member, orthos: integer(1), shapes, start })),
  optimal_txt: fields(member),
  content_sha256: hash,
});

/** The manifest, when it has all fields and they are of the right types. */
export function checkManifest(value: unknown): Manifest {
  insist(isObject(value), "a manifest that is no object");
  insist(!(integer(3)(value.format) as boolean), "its format is newer than this reader");
  insist(manifestChecks(value), "a manifest that lacks a field or has one of a wrong type");
  return value as unknown as Manifest;
}

/** What content_sha256 is the hash of: all but the names and the lineage. */
export function contentOf(manifest: Manifest): Record<string, unknown> {
  const left = ["name", "lineage", "sources", "content_sha256"];
  return Object.fromEntries(Object.entries(manifest).filter(([field]) => !left.includes(field)));
}
