import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomNumbers } from "./random.ts";
import { sampleText } from "./sample.ts";

/** Writes texts of a few sentences each, some of them of several kilobytes, cut out of the sample at random. */
export function writeTexts(folder: string, count: number, seed: number): void {
  mkdirSync(folder, { recursive: true });
  const random = randomNumbers(seed);
  const sentences = sampleText.split(/(?<=[.])\s+/);
  for (let number = 0; number < count; number++) {
    const length = 5 + Math.floor(random() ** 4 * 120);
    const from = Math.floor(random() * Math.max(1, sentences.length - length));
    const text = sentences.slice(from, from + length).join(" ");
    writeFileSync(join(folder, `text ${number}.txt`), `${text}\n\nthe mark of text ${"x".repeat(number % 50)}.\n`);
  }
}
