import { sha256 } from "../archive/manifest.ts";
import { countWords, decodeText } from "../core/text.ts";
import { FoldError } from "../errors.ts";
import { findTexts } from "../jobs/find-texts.ts";
import { holdsNoWords, readBytes } from "../jobs/read-texts.ts";
import { type SubmittedText, submitTexts, type TextToFold } from "../storage/cloud/submit.ts";
import { withCloud } from "./cloud.ts";
import type { SubmitFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { kindOf, lookThrough } from "./look-through.ts";
import { type TextFile, withFiles } from "./spool.ts";
import { formatBytes, formatCounted } from "./text.ts";

/** So much of small texts is kept from looking at them until they are sent; what is more is read again from its files. */
const HELD_BYTES = 1 << 25;

const become = { what: "archive", wayOut: "rename one of them, or submit them one after the other with --name" };

/** `fold submit PATH...`: upload texts, then queue their jobs; a text that cannot be folded keeps all from being sent. */
export async function execute({ parameters, flags }: CommandArguments<SubmitFlags>, io: CommandIo): Promise<number> {
  const places = findTexts(parameters, become);
  for (const { trouble } of places) if (trouble !== undefined) throw trouble;
  if (flags.name !== null && places.length > 1) {
    throw new FoldError("usage", "--name can name one text only", "leave it out, or submit the texts one by one");
  }
  const { shards, merge, again, maxDims: max_dims, minVolume: min_volume } = flags;
  const options = { max_dims, min_volume, shards, merge, again, signal: io.signal };
  const submitted = await withFiles(places, io.signal, async (files) => {
    // All are looked at before the first is sent: a mistake is told before it has cost anything.
    const texts: TextToFold[] = [];
    let held_bytes = 0;
    for (const file of files) {
      const text = await textOf(file, flags.name ?? file.name, held_bytes < HELD_BYTES, io.signal);
      if (typeof text.content !== "string") held_bytes += text.size_bytes;
      texts.push(text);
    }
    return await withCloud(io, (cloud) => submitTexts(cloud, texts, options));
  });
  for (const text of submitted) {
    if (flags.json) io.output.json(reportOf(text));
    else if (!flags.quiet) io.output.line(io.output.named(lineOf(text)));
  }
  return 0;
}

/** @param mayHold whether a small text may stay in memory until it is sent */
async function textOf(
  { path, title }: TextFile,
  name: string,
  mayHold: boolean,
  signal: AbortSignal,
): Promise<TextToFold> {
  // Large ones are sent from their files, and so are many small ones: they need not be in memory together.
  if (!mayHold || kindOf(path) === "large") return { name, ...(await lookThrough(path, title, signal)), content: path };
  const bytes = await readBytes({ name, path });
  if (countWords(decodeText(bytes, title)) === 0) throw holdsNoWords({ name, path: title });
  return { name, size_bytes: bytes.length, sha256: sha256(bytes), content: bytes };
}

function reportOf({ name, size_bytes, isUploaded, jobs }: SubmittedText) {
  return {
    text: name,
    size_bytes,
    uploaded: isUploaded,
    jobs: jobs.map(({ id, isNew, status, shard }) => ({ job: id, new: isNew, status, shard })),
  };
}

function lineOf({ name, size_bytes, jobs }: SubmittedText): string {
  const fresh = jobs.filter(({ isNew }) => isNew).length;
  const [first] = jobs;
  const what = jobs.length === 1 ? `job ${first.id}` : `${formatCounted(jobs.length, "job")}, one a shard`;
  const note = fresh === jobs.length ? "" : fresh === 0 ? "; submitted before" : `; ${fresh} of them new`;
  const failed = jobs.filter(({ status }) => status === "failed").length;
  const trouble =
    failed === 0 ? "" : `, ${failed} put aside: \`fold jobs ${name}\` tells why, \`fold retry ${name}\` tries again`;
  return `${name}: ${formatBytes(size_bytes)}, ${what}${note}${trouble}`;
}
