// Looks for secrets in whatever a program leaves or shows, in all forms that they may have taken on the way.
import { readdirSync, readFileSync } from "node:fs";

/** A secret as it is, and as it looks in a URL, in JSON, in hex, and within anything that was put into base64. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // Where it begins decides how base64 cuts it; letters at both ends also depend on what stands beside it.
  const inBase64 = [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const core = text.slice(before === 0 ? 0 : 4, Math.floor(((before + bytes.length) * 8) / 6) - 1);
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const inUrl = encodeURIComponent(secret);
  const plain = [secret, inUrl, inUrl.toLowerCase(), encodeURI(secret), JSON.stringify(secret).slice(1, -1)];
  return [...new Set([...plain, bytes.toString("hex"), ...inBase64])];
}

/** Which of the secrets a text holds, by their names: never the secrets themselves, for reports are read by many. */
export function secretsIn(text: string, secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) =>
    formsOf(secret).some((form) => text.includes(form)) ? [name] : [],
  );
}

/** What the list of processes shows to everybody, as long as it is watched. */
export class ProcessList {
  private readonly seen = new Set<string>();
  private isOver = false;
  private readonly watching: Promise<void>;

  constructor() {
    this.watching = this.watch();
  }

  /** All command lines that there were. */
  async end(): Promise<readonly string[]> {
    this.isOver = true;
    await this.watching;
    return [...this.seen];
  }

  private async watch(): Promise<void> {
    while (!this.isOver) {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        try {
          this.seen.add(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
        } catch {
          // It has ended in between.
        }
      }
      // Processes come and go without telling: there is nothing to wait for.
      await Bun.sleep(5);
    }
  }
}
