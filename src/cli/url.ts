import { basename } from "node:path";
import { archiveNamed } from "./archive-named.ts";
import { withCloud } from "./cloud.ts";
import type { UrlFlags } from "./cloud-definitions.ts";
import type { CommandArguments, CommandIo } from "./command.ts";

/** `fold url ARCHIVE`: a URL by which anybody can download an archive for some time. */
export async function execute({ parameters, flags }: CommandArguments<UrlFlags>, io: CommandIo): Promise<number> {
  const [named] = parameters;
  await withCloud(io, async (cloud) => {
    const { name, s3Key } = await archiveNamed(await cloud.database(), named);
    const expires_s = Math.floor(flags.expires / 1000);
    const url = cloud.results.presign(s3Key, expires_s, `${basename(name)}.tar.zst`);
    if (flags.json) io.output.json({ archive: name, url, expires_s });
    else io.output.line(url);
  });
  return 0;
}
