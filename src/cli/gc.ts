import { collectGarbage } from "../storage/cloud/collect-garbage.ts";
import { withCloud } from "./cloud.ts";
import type { GcFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { formatBytes, formatCounted } from "./text.ts";

/** `fold gc`: delete from the buckets what no row needs. */
export async function execute({ flags }: CommandArguments<GcFlags>, io: CommandIo): Promise<number> {
  const { grace: grace_ms, inputs, takeOver, dryRun, json } = flags;
  const options = { grace_ms, inputs, takeOver, dryRun, signal: io.signal };
  const found = await withCloud(io, (cloud) => collectGarbage(cloud, options));
  if (json) {
    io.output.json({ ...found, deleted: !dryRun });
    return 0;
  }
  const { archives, parts, texts, uploads, size_bytes } = found;
  const counts = [
    formatCounted(archives, "archive"),
    formatCounted(parts, "finished part"),
    ...(inputs ? [formatCounted(texts, "text")] : []),
    formatCounted(uploads, "unfinished upload"),
  ];
  io.output.line(`${dryRun ? "would delete" : "deleted"} ${counts.join(", ")}: ${formatBytes(size_bytes)}`);
  return 0;
}
