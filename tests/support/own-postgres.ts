// A PostgreSQL for whoever wants to stop and start it: the one of all tests is not to be disturbed.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeTables } from "./database.ts";
import { projectFile } from "./project.ts";

/** A server of its own, its one database with the tables of a fleet. */
export class OwnPostgres {
  private constructor(
    private readonly folder: string,
    readonly url: string,
  ) {}

  static async start(): Promise<OwnPostgres> {
    // Not under TMPDIR: the path of its socket must stay short.
    const folder = mkdtempSync("/tmp/fold-postgres-");
    const told = await run("up", folder);
    const server = new OwnPostgres(folder, /^export DATABASE_URL=(.*)$/m.exec(told)?.[1] ?? "");
    try {
      await makeTables(server.url);
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  /** All connections break, and for a moment there is none. */
  async restart(): Promise<void> {
    await run("restart", this.folder);
  }

  /** Stop it for as long as something takes. */
  async without<T>(act: () => Promise<T>): Promise<T> {
    await run("down", this.folder);
    try {
      return await act();
    } finally {
      await run("up", this.folder, { POSTGRES_PORT: new URL(this.url).port });
    }
  }

  /** As long as something takes it is a standby: it answers questions, and takes no changes. */
  async asStandby<T>(act: () => Promise<T>): Promise<T> {
    const sign = join(this.folder, "data/standby.signal");
    await run("down", this.folder);
    writeFileSync(sign, "");
    await run("up", this.folder, { POSTGRES_PORT: new URL(this.url).port });
    try {
      return await act();
    } finally {
      rmSync(sign);
      await this.restart();
    }
  }

  async remove(): Promise<void> {
    await run("remove", this.folder);
  }
}

async function run(verb: "up" | "down" | "remove" | "restart", folder: string, env: Record<string, string> = {}) {
  const child = Bun.spawn([projectFile("scripts/servers/postgres.sh"), verb, folder], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, SERVER_OWNER: String(process.pid), ...env },
  });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exit !== 0) throw new Error(`postgres.sh ${verb} ended with ${exit}: ${stderr}`);
  return stdout;
}
