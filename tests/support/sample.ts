// The sample text that ships with the project: of middle size, and known facts to compare with.
import { projectFile } from "./project.ts";

/** Path of the sample text. */
export const samplePath: string = projectFile("scripts/sample/ships-log.txt");

/** The sample text. */
export const sampleText: string = await Bun.file(samplePath).text();

/** Its first half, to the end of a paragraph: in three dimensions a third of the work, and still several tasks. */
export const halfOfSample: string = sampleText.slice(0, sampleText.lastIndexOf("\n\n", sampleText.length / 2));

/** The text and its first half with the words backwards: its archive is so large that a store keeps it in objects. */
export const longerSample: string = `${sampleText}\n\n${halfOfSample.split(/\s+/).reverse().join(" ")}`;

/** The orthos of the whole sample text in two dimensions, as the programs of ORTHO.md agree on them. */
export const sampleFacts = {
  orthos: 54_755,
  digest: "6f4b766d808ea6c618340d93ec2fd5607b700de7e93e3b34880630939212710d",
} as const;

/** SHA-256 of lines, each ended by LF, in the order given. */
export function digestOf(lines: readonly string[]): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest("hex");
}
