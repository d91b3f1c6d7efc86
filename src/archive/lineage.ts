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
  const pieces: string[] = [];
  // What is still to be written, the next last: a stack of its own, because nesting has no limit.
  const rest: (Lineage | string)[] = [lineage];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (typeof next === "string") {
      pieces.push(next);
    } else if (next.kind === "text") {
      pieces.push(quote(next.name));
    } else if (next.kind === "shard") {
      rest.push(` ${next.shard}/${next.shards})`, next.of, "(");
    } else {
      rest.push(")");
      for (let i = next.parts.length - 1; i >= 0; i--) rest.push(next.parts[i], i === 0 ? "(" : " ");
    }
  }
  return pieces.join("");
}

/** The names of the texts in a lineage, in their order. */
export function textsOf(lineage: Lineage): string[] {
  const names: string[] = [];
  const rest = [lineage];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (next.kind === "text") names.push(next.name);
    else if (next.kind === "shard") rest.push(next.of);
    else for (const part of next.parts.toReversed()) rest.push(part);
  }
  return names;
}

function quote(name: string): string {
  return `"${name.replace(/["\\]/g, "\\$&")}"`;
}

/** A name in quotes, a shard, or a parenthesis; always tried where the last one ended. */
const TOKEN = /\s*(?:"((?:[^"\\]|\\.)*)"|(\d+)\/(\d+)|([()]))/suy;

/**
 * Read a lineage back. Nesting is as deep as the text: a merge of a merge of a merge adds a level each time.
 *
 * @throws FoldError `corrupt` when the text is no lineage
 */
export function parseLineage(text: string): Lineage {
  const fail = () => new FoldError("corrupt", `not a lineage: ${text.slice(0, 80)}`, "the manifest is damaged");
  const open: Lineage[][] = [[]];
  let shard: [number, number] | null = null;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null) throw fail();
    const [, name, number, count, parenthesis] = match;
    const parts = open[open.length - 1];
    // Behind a shard's number there is nothing but the end of its list.
    if (shard !== null && parenthesis !== ")") throw fail();
    if (name !== undefined) {
      parts.push({ kind: "text", name: name.replace(/\\(.)/gsu, "$1") });
    } else if (number !== undefined) {
      shard = [Number(number), Number(count)];
      if (parts.length !== 1 || open.length < 2 || shard[0] < 1 || shard[0] > shard[1]) throw fail();
    } else if (parenthesis === "(") {
      open.push([]);
    } else {
      open.pop();
      const around = open[open.length - 1];
      if (around === undefined || parts.length === 0) throw fail();
      if (shard === null) around.push({ kind: "merge", parts });
      else around.push({ kind: "shard", of: parts[0], shard: shard[0], shards: shard[1] });
      shard = null;
    }
  }
  if (open.length !== 1 || open[0].length !== 1) throw fail();
  return open[0][0];
}
