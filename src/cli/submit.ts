import { sha256 } from "../archive/manifest.ts";
import { corpusOfText } from "../core/corpus.ts";
import { decodeText } from "../core/text.ts";
import { FoldError } from "../errors.ts";
import { findTexts, holdsNoWords, readBytes, type TextPlace } from "../jobs/read-texts.ts";
import { type SubmittedText, submitTexts, type TextToFold } from "../storage/cloud/submit.ts";
import { withCloud } from "./cloud.ts";
import type { SubmitFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { formatBytes, formatCounted } from "./text.ts";

/** Larger texts are sent from their files. */
const LARGE_BYTES = 1 << 20;

/** `fold submit PATH...`: upload texts and queue their jobs, all or none. */
export async function execute({ parameters, flags }: CommandArguments<SubmitFlags>, io: CommandIo): Promise<number> {
  const places = findTexts(parameters);
  if (flags.name !== null && places.length > 1) {
    throw new FoldError("usage", "--name can name one text only", "leave it out, or submit the texts one by one");
  }
  // All are looked at before the first is sent: a mistake is told before it has cost anything.
  const texts: TextToFold[] = [];
  for (const place of places) texts.push(await textOf(place, flags.name ?? place.name));
  const { shards, merge, again, maxDims: max_dims, minVolume: min_volume } = flags;
  const options = { max_dims, min_volume, shards, merge, again, signal: io.signal };
  const submitted = await withCloud(io, (cloud) => submitTexts(cloud, texts, options));
  for (const text of submitted) {
    if (flags.json) io.output.json(reportOf(text));
    else if (!flags.quiet) io.output.line(lineOf(text));
  }
  return 0;
}

async function textOf(place: TextPlace, name: string): Promise<TextToFold> {
  const bytes = await readBytes(place);
  const text = decodeText(bytes, place.path ?? "the standard input");
  if (corpusOfText(text).corpus.words.length === 0) throw holdsNoWords(place);
  // Many large texts need not all be in memory until their turn to be sent.
  const content = place.path !== null && bytes.length > LARGE_BYTES ? place.path : bytes;
  return { name, size_bytes: bytes.length, sha256: sha256(bytes), content };
}

function reportOf({ name, size_bytes, isUploaded, jobs }: SubmittedText) {
  return {
    text: name,
    size_bytes,
    uploaded: isUploaded,
    jobs: jobs.map(({ id, isNew, shard }) => ({ job: id, new: isNew, shard })),
  };
}

function lineOf({ name, size_bytes, jobs }: SubmittedText): string {
  const fresh = jobs.filter(({ isNew }) => isNew).length;
  const [first] = jobs;
  const what = jobs.length === 1 ? `job ${first.id}` : `${formatCounted(jobs.length, "job")}, one a shard`;
  const note = fresh === jobs.length ? "" : fresh === 0 ? "; submitted before" : `; ${fresh} of them new`;
  return `${name}: ${formatBytes(size_bytes)}, ${what}${note}`;
}
