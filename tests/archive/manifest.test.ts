// The manifest: what it names, what it leaves out of the content's hash, and what it is refused for.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { decodeManifest, encodeManifest, type Manifest, sealManifest } from "../../src/archive/manifest.ts";
import { foldErrorOf, foldText } from "../support/folds.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const text = "all the readers. his case of. all his. the case. readers of. all all the";
const options = { max_dims: 2, min_volume: 1, shard: null };

async function manifestOf(source: string, changes: Parameters<typeof foldText>[1] = {}): Promise<Manifest> {
  const { archive } = await foldText(source, { archive: join(folder, "book.tar.zst"), ...changes });
  if (archive === null) throw new Error("no archive");
  return archive.manifest;
}

const whole = await manifestOf(text);

test("a manifest is read as it was written", () => {
  expect(decodeManifest(encodeManifest(whole), "book")).toEqual(whole);
});

const same: [what: string, manifest: () => Promise<Manifest>][] = [
  ["another name", () => manifestOf(text, { name: "other" })],
  ["another lineage", () => manifestOf(text, { lineage: '("a" "b")' })],
  ["other sources", () => manifestOf(text, { sources: [] })],
  ["sentences in another order, with repeats", () => manifestOf(`readers of. ${text}. his case of`)],
];

test.each(same)("the content is the same: %s", async (_, manifest) => {
  expect((await manifest()).content_sha256).toBe(whole.content_sha256);
});

const other: [what: string, manifest: () => Promise<Manifest>][] = [
  ["a sentence more, even without orthos", () => manifestOf(`${text}. unheard`)],
  ["more dimensions, even without orthos", () => manifestOf(text, { options: { ...options, max_dims: 3 } })],
  ["all dimensions", () => manifestOf(text, { options: { ...options, max_dims: null } })],
  ["a least volume", () => manifestOf(text, { options: { ...options, min_volume: 2 } })],
  ["a shard", () => manifestOf(text, { options: { ...options, shard: { number: 1, of: 2 } } })],
];

test.each(other)("the content is another: %s", async (_, manifest) => {
  expect((await manifest()).content_sha256).not.toBe(whole.content_sha256);
});

test("a manifest that was changed without its hash is corrupt", async () => {
  const changed = encodeManifest({ ...whole, orthos: whole.orthos, vocabulary: whole.vocabulary + 1 });
  expect((await foldErrorOf(() => decodeManifest(changed, "book"))).code).toBe("corrupt");
});

test("a newer format is refused with the way out", async () => {
  const newer = encodeManifest(sealManifest({ ...whole, format: 999 }));
  const error = await foldErrorOf(() => decodeManifest(newer, "book"));
  expect(error.code).toBe("failed");
  expect(error.hint).toContain("newer");
});

test.each([0, 1.5, -3, 1e300, "2", null])("%p is no format", async (format) => {
  const forged = encodeManifest(sealManifest({ ...whole, format: format as number }));
  const error = await foldErrorOf(() => decodeManifest(forged, "book"));
  expect(error).toMatchObject({ code: "corrupt", message: expect.stringContaining("it has no format version") });
});

// Whoever compares orthos goes by their dims: words that are missing, or too many, must have been refused before.
test.each([2, 7])("an optimal ortho of %d words, and of six cells by its dims, is corrupt", async (cells) => {
  if (whole.optimal === null) throw new Error("no optimal ortho");
  const words = [...whole.optimal.words, "all"].slice(0, cells);
  const forged = encodeManifest(sealManifest({ ...whole, optimal: { ...whole.optimal, words, cells } }));
  const error = await foldErrorOf(() => decodeManifest(forged, "book"));
  expect(error).toMatchObject({ code: "corrupt", message: expect.stringContaining("its optimal ortho is incomplete") });
});

/** Every place in a JSON value, as a path of keys. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

/** A copy with one place set to something else, or gone. */
function changedAt(value: unknown, [key, ...rest]: string[], put: unknown): unknown {
  if (key === undefined) return put;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = changedAt(copy[key], rest, put);
  return copy;
}

const oddities = [undefined, null, -1, 1.5, 1e300, "", "x", true, [], {}, [null], { length: -1 }];

// Forged with a right hash: what reads it must not stumble over a type.
test.each(pathsOf(whole).map((path) => [path.join(".") || "all of it", path] as const))(
  "whatever a forged manifest holds, it is refused or read: %s",
  async (_, path) => {
    for (const odd of oddities) {
      const forged = changedAt(whole, path, odd);
      const isSealable = typeof forged === "object" && forged !== null;
      const { content_sha256: _old, ...rest } = isSealable ? (forged as Manifest) : whole;
      const bytes = Buffer.from(
        JSON.stringify(isSealable && path[0] !== "content_sha256" ? sealManifest(rest) : (forged ?? null)),
      );
      try {
        const manifest = decodeManifest(bytes, "book");
        expect(typeof manifest.orthos).toBe("number");
      } catch (error) {
        const { code } = await foldErrorOf(() => {
          throw error;
        });
        expect(["corrupt", "failed"]).toContain(code);
      }
    }
  },
);

test("a manifest that is nested so deeply that it cannot be hashed is corrupt", async () => {
  const deep = `"more":${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const bytes = new TextEncoder().encode(JSON.stringify(whole).replace("{", `{${deep},`));
  const error = await foldErrorOf(() => decodeManifest(bytes, "book"));
  expect([error.code, error.message]).toEqual(["corrupt", "the manifest of book is damaged: it is nested too deeply"]);
});
