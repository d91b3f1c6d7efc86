// Texts whose results three independent programs agree on, through the built executable.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { binary, call, report } from "../support/binary.ts";
import { sampleFacts, samplePath } from "../support/sample.ts";
import { withFolder } from "../support/temporary.ts";

interface Vector {
  readonly text: string;
  readonly max_dims: number | null;
  readonly sentences: number;
  readonly distinct_sentences: number;
  readonly tokens: number;
  readonly vocabulary: number;
  readonly orthos: number;
  readonly shapes: Record<string, number>;
  readonly optimal: { readonly dims: number[]; readonly volume: number; readonly words: string[] };
  readonly digest: string;
}

/** SHA-256 of what `fold export` prints, sorted as a user would; not every machine has sha256sum. */
async function exportedDigest(archive: string): Promise<string> {
  const pipe = Bun.spawn(["sh", "-c", '"$0" export "$1" | LC_ALL=C sort', binary, archive]);
  return new Bun.CryptoHasher("sha256").update(await pipe.stdout.bytes()).digest("hex");
}

async function checkVector(path: string, { max_dims, ...vector }: Vector): Promise<void> {
  await withFolder(async (folder) => {
    const found = await report(["run", path, "--max-dims", String(max_dims ?? "all"), "--out", folder]);
    const { sentences, distinct_sentences, tokens, vocabulary, orthos, shapes, optimal } = found;
    expect({ sentences, distinct_sentences, tokens, vocabulary, orthos, shapes }).toEqual({
      sentences: vector.sentences,
      distinct_sentences: vector.distinct_sentences,
      tokens: vector.tokens,
      vocabulary: vector.vocabulary,
      orthos: vector.orthos,
      shapes: vector.shapes,
    });
    expect(optimal).toMatchObject(vector.optimal);
    expect(await exportedDigest(found.archive ?? "")).toBe(vector.digest);
    expect((await call(["verify", found.archive ?? ""])).exit).toBe(0);
  });
}

const vectors = join(import.meta.dir, "../../../shared/vectors");
const names = existsSync(vectors) ? readdirSync(vectors).filter((name) => name.endsWith(".json")) : [];
if (names.length === 0) console.warn("The conformance vectors are not here: only the sample text is checked.");

describe("vectors", () => {
  for (const name of names) {
    const path = join(vectors, name);
    const vector = JSON.parse(readFileSync(path, "utf8")) as Vector;
    test(name, () => checkVector(join(dirname(path), vector.text), vector));
  }

  test("the sample text", async () => {
    await withFolder(async (folder) => {
      const found = await report(["run", samplePath, "--out", folder]);
      expect(found.orthos).toBe(sampleFacts.orthos);
      expect(await exportedDigest(found.archive ?? "")).toBe(sampleFacts.digest);
    });
  });
});
