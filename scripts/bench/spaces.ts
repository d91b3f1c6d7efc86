// How fast files of 1 GB go to Spaces and come back, beside rclone and s3cmd on the same server in the same run.
//   bun scripts/bench/spaces.ts [MEGABYTES] [RUNS]
// "fold-synced" also waits until what it fetched is on the disk. Takes the server that the environment names, else starts
// one; rclone and s3cmd where they are installed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import type { S3Config } from "../../src/s3/sign.ts";
import { Servers } from "../servers.ts";

const MEGABYTE = 1_000_000;
const [megabytes = "1000", runs = "3"] = Bun.argv.slice(2);

interface Tool {
  readonly name: string;
  up(path: string, key: string): readonly string[];
  down(key: string, path: string): readonly string[];
}

/** What one program does, in seconds and bytes. */
interface Measured {
  readonly seconds: number;
  readonly peak_bytes: number;
}

if (Bun.argv[2] === "put" || Bun.argv[2] === "get") await transfer(Bun.argv.slice(2));
else await main();

/** One transfer of ours, in a process of its own as the others': put|get BUCKET KEY PATH [synced]. */
async function transfer([verb, name, key, path, synced]: readonly string[]): Promise<void> {
  const connection = new Connection(configOf(process.env));
  const bucket = new Bucket(connection, name!);
  if (verb === "put") await bucket.putFile(key!, path!);
  else await bucket.getFile(key!, path!, { isToSync: synced === "synced" });
}

function configOf(variables: Readonly<Record<string, string | undefined>>): S3Config {
  const variable = (name: string) => variables[`DO_SPACES_${name}`] ?? "";
  return {
    endpoint: variable("ENDPOINT"),
    region: variable("REGION"),
    accessKey: variable("ACCESS_KEY"),
    secretKey: variable("SECRET_KEY"),
  };
}

async function main(): Promise<void> {
  const servers = Servers.start();
  const folder = mkdtempSync(join(tmpdir(), "fold-bench-"));
  try {
    const own = { ...process.env, ...(await servers.variables()) };
    // rclone would go by them instead of by its file.
    const variables = Object.fromEntries(Object.entries(own).filter(([name]) => !name.startsWith("AWS_")));
    const config = configOf(variables);
    const connection = new Connection(config);
    const bucket = new Bucket(connection, `fold-bench-${crypto.randomUUID().slice(0, 8)}`);
    await bucket.ensure();
    try {
      await compare(bucket, folder, variables, toolsOf(config, bucket.name, folder));
    } finally {
      for await (const page of bucket.list("")) await bucket.remove(page.map(({ key }) => key));
      await bucket.removeItself();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await servers.stop();
  }
}

async function compare(
  bucket: Bucket,
  folder: string,
  variables: Readonly<Record<string, string | undefined>>,
  tools: readonly Tool[],
): Promise<void> {
  const source = join(folder, "source");
  writeRandom(source, Number(megabytes) * MEGABYTE);
  const times = new Map<string, number[]>();
  const peaks = new Map<string, number>();
  // In turns, there and back again, so that whatever else the machine does hits all of them, and nobody is always first.
  for (let run = 0; run < Number(runs); run++) {
    for (const tool of run % 2 === 0 ? tools : tools.toReversed()) {
      const back = join(folder, "back");
      for (const [way, command] of [
        ["up", tool.up(source, tool.name)],
        ["down", tool.down(tool.name, back)],
      ] as const) {
        const { seconds, peak_bytes } = await measure(command, variables);
        const label = `${tool.name} ${way}`;
        times.set(label, [...(times.get(label) ?? []), seconds]);
        peaks.set(label, Math.max(peaks.get(label) ?? 0, peak_bytes));
      }
      rmSync(back, { force: true });
      await bucket.remove([tool.name]);
    }
  }
  for (const way of ["up", "down"]) {
    const ours = median(times.get(`fold ${way}`) ?? []);
    for (const { name } of tools) {
      const label = `${name} ${way}`;
      const seconds = median(times.get(label) ?? []);
      const rate = (Number(megabytes) / seconds).toFixed(0);
      const peak = ((peaks.get(label) ?? 0) / MEGABYTE).toFixed(0);
      const ratio = name.startsWith("fold") ? "" : `, fold reaches ${(seconds / ours).toFixed(2)} of it`;
      console.log(`${label}: ${seconds.toFixed(2)} s, ${rate} MB/s, peak ${peak} MB${ratio}`);
    }
  }
}

async function measure(
  command: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
): Promise<Measured> {
  const started = performance.now();
  const child = Bun.spawn([...command], { env: { ...variables }, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const [errors, exit] = await Promise.all([child.stderr.text(), child.exited]);
  if (exit !== 0) throw new Error(`${command[0]} ended with ${exit}: ${errors}`);
  return { seconds: (performance.now() - started) / 1000, peak_bytes: child.resourceUsage()?.maxRSS ?? 0 };
}

/** The keys of the others are in files: not in the list of processes. */
function toolsOf(config: S3Config, bucket: string, folder: string): readonly Tool[] {
  const us = [process.execPath, import.meta.path];
  const tools: Tool[] = [
    {
      name: "fold",
      up: (path, key) => [...us, "put", bucket, key, path],
      down: (key, path) => [...us, "get", bucket, key, path],
    },
    // The others do not wait for the disk; fold does where a file must survive a power cut.
    {
      name: "fold-synced",
      up: (path, key) => [...us, "put", bucket, key, path],
      down: (key, path) => [...us, "get", bucket, key, path, "synced"],
    },
  ];
  const configs = join(folder, "configs");
  mkdirSync(configs, { mode: 0o700 });
  const { endpoint, region, accessKey, secretKey } = config;
  if (Bun.which("rclone") !== null) {
    const path = join(configs, "rclone.conf");
    const keys = `access_key_id = ${accessKey}\nsecret_access_key = ${secretKey}`;
    writeFileSync(path, `[s]\ntype = s3\nprovider = Ceph\nendpoint = ${endpoint}\nregion = ${region}\n${keys}\n`);
    const rclone = ["rclone", "--config", path, "--s3-no-check-bucket", "copyto"];
    tools.push({
      name: "rclone",
      up: (from, key) => [...rclone, from, `s:${bucket}/${key}`],
      down: (key, to) => [...rclone, `s:${bucket}/${key}`, to],
    });
  }
  if (Bun.which("s3cmd") !== null) {
    const path = join(configs, "s3cmd.conf");
    const { host, protocol } = new URL(endpoint);
    const where = `host_base = ${host}\nhost_bucket = ${host}\nuse_https = ${protocol === "https:" ? "True" : "False"}`;
    const keys = `access_key = ${accessKey}\nsecret_key = ${secretKey}`;
    writeFileSync(path, `[default]\n${where}\nbucket_location = ${region}\n${keys}\n`);
    const s3cmd = ["s3cmd", "-c", path, "--quiet", "--no-progress"];
    tools.push({
      name: "s3cmd",
      up: (from, key) => [...s3cmd, "put", from, `s3://${bucket}/${key}`],
      down: (key, to) => [...s3cmd, "get", "--force", `s3://${bucket}/${key}`, to],
    });
  }
  return tools;
}

function writeRandom(path: string, size_bytes: number): void {
  const writer = Bun.file(path).writer();
  const piece = new Uint8Array(65_536);
  for (let left = size_bytes; left > 0; left -= piece.length) {
    crypto.getRandomValues(piece);
    writer.write(piece.slice(0, Math.min(left, piece.length)));
    writer.flush();
  }
  writer.end();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
