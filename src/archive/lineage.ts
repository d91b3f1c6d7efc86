import { FoldError } from "../errors.ts";

/** Where an archive came from: a text, one shard of it, or a merge of others. */
export type Lineage =
  | { readonly kind: "text"; readonly name: string }
  | { readonly kind: "shard"; readonly of: Lineage; readonly shard: number; readonly shards: number }
  | { readonly kind: "merge"; readonly parts: readonly Lineage[] };

/**
 * Write a lineage as an S-expression: `"book"`, `("book" 2/8)`, `(("a" "b") "c")`.
 *
 * @example
 * formatLineage({ kind: "merge", parts: [{ kind: "text", name: "a" }, { kind: "text", name: 'b"' }] }) // ("a" "b\"")
 */
export function formatLineage(lineage: Lineage): string {
  if (lineage.kind === "text") return quote(lineage.name);
  if (lineage.kind === "shard") return `(${formatLineage(lineage.of)} ${lineage.shard}/${lineage.shards})`;
  return `(${lineage.parts.map(formatLineage).join(" ")})`;
}

function quote(name: string): string {
  return `"${name.replace(/["\\]/g, "\\$&")}"`;
}

/** How deep a lineage may nest: each merge adds one. */
const MAX_DEPTH = 1000;

/**
 * Read a lineage back.
 *
 * @throws FoldError `corrupt` when the text is no lineage
 */
export function parseLineage(text: string): Lineage {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|\d+\/\d+|[()]|\S/gsu) ?? [];
  let at = 0;
  const fail = () => new FoldError("corrupt", `not a lineage: ${text.slice(0, 80)}`, "the manifest is damaged");
  const read = (depth: number): Lineage => {
    const token = tokens[at++];
    if (token?.startsWith('"') && token.length > 1) {
      return { kind: "text", name: token.slice(1, -1).replace(/\\(.)/gsu, "$1") };
    }
    if (token !== "(" || depth > MAX_DEPTH) throw fail();
    const parts: Lineage[] = [];
    while (tokens[at] !== ")") {
      const shard = /^(\d+)\/(\d+)$/.exec(tokens[at] ?? "");
      if (shard !== null) {
        const [number, count] = [Number(shard[1]), Number(shard[2])];
        if (parts.length !== 1 || tokens[at + 1] !== ")" || number < 1 || number > count) throw fail();
        at += 2;
        return { kind: "shard", of: parts[0], shard: number, shards: count };
      }
      parts.push(read(depth + 1));
    }
    at++;
    if (parts.length === 0) throw fail();
    return { kind: "merge", parts };
  };
  const lineage = read(0);
  if (at !== tokens.length) throw fail();
  return lineage;
}
