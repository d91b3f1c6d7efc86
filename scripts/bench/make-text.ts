// Makes a long text in the style of a given one, for measurements:
//   bun scripts/bench/make-text.ts FILE WORDS [SEED] > long.txt
// All of FILE, then sentences in which each word has followed the one before it somewhere in FILE. Same seed, same text.
const [file, count, seed = "1"] = Bun.argv.slice(2);
const wanted = Number(count);
if (file === undefined || !Number.isSafeInteger(wanted) || wanted < 1) {
  console.error("usage: bun scripts/bench/make-text.ts FILE WORDS [SEED]");
  process.exit(2);
}

/** A small generator of random numbers below `limit` (mulberry32): the same on every machine. */
let state = Number(seed);
function below(limit: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
}

const END = "";
const text = await Bun.file(file).text();
const sentences = text
  .split(/[.?;!,]|\n\n/)
  .map((sentence) => sentence.split(/\s+/).filter((word) => word !== ""))
  .filter((words) => words.length > 1);
const followers = new Map<string, string[]>();
for (const words of sentences) {
  for (let i = 1; i <= words.length; i++) {
    const list = followers.get(words[i - 1]) ?? [];
    list.push(words[i] ?? END);
    followers.set(words[i - 1], list);
  }
}
const parts = [text, "\n\n"];
for (let words = text.split(/\s+/).length; words < wanted; ) {
  const sentence = sentences[below(sentences.length)].slice(0, 1);
  for (let next = " "; next !== END; ) {
    const list = followers.get(sentence[sentence.length - 1]) ?? [END];
    next = list[below(list.length)];
    if (next !== END) sentence.push(next);
  }
  parts.push(`${sentence.join(" ")}.\n`);
  words += sentence.length;
}
await Bun.write(Bun.stdout, parts.join(""));
