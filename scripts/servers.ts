// The servers that tests and long runs need: those that the environment names are used, the others are started here.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./compile.ts";

/** What can be started: a script under scripts/servers, and the variable that names a server that runs already. */
const known = [
  { name: "postgres", variable: "DATABASE_URL" },
  { name: "spaces", variable: "DO_SPACES_ENDPOINT" },
] as const;

/** A server by the name of its script. */
export type ServerName = (typeof known)[number]["name"];

interface Started {
  readonly name: ServerName;
  readonly script: string;
  readonly folder: string;
  /** Its export lines; rejected when it does not come up. */
  readonly exports: Promise<string>;
}

/** Servers that were started by this process, and are stopped by it. */
export class Servers {
  private constructor(private readonly started: readonly Started[]) {}

  /**
   * Start what the environment does not name, all at once; `missing` and `variables` wait for them.
   *
   * @param wanted only these
   */
  static start(wanted: readonly string[] = known.map(({ name }) => name)): Servers {
    const missing = known.filter(({ name, variable }) => wanted.includes(name) && !process.env[variable]);
    return new Servers(
      missing.map(({ name, variable }) => {
        // Not under TMPDIR: the names of the sockets in there must stay short.
        const folder = mkdtempSync(`/tmp/fold-${name}-`);
        const script = scriptOf(name);
        const exports = up(script, folder, variable);
        // It may fail before somebody asks.
        exports.catch(() => {});
        return { name, script, folder, exports };
      }),
    );
  }

  /** Those that do not come up: why, and what to set. */
  async missing(): Promise<ReadonlyMap<ServerName, string>> {
    const missing = new Map<ServerName, string>();
    for (const { name, exports } of this.started) {
      const error = await exports.then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error !== null) missing.set(name, error instanceof Error ? error.message : String(error));
    }
    return missing;
  }

  /**
   * What the environment of a test run needs besides its own, once all servers are up.
   *
   * @param without servers that the run does without
   * @throws Error that says what to set, when another one does not come up
   */
  async variables(without: readonly string[] = []): Promise<Record<string, string>> {
    const needed = this.started.filter(({ name }) => !without.includes(name));
    const texts = await Promise.all(needed.map(({ exports }) => exports));
    return Object.fromEntries(texts.flatMap((text) => [...variablesOf(text)]));
  }

  /** Stop them all; what has come up and does not stop is told. */
  async stop(): Promise<void> {
    await Promise.all(
      this.started.map(async ({ name, script, folder, exports }) => {
        const isUp = await exports.then(
          () => true,
          () => false,
        );
        const { exitCode, stderr } = await runScript(script, "down", folder);
        if (exitCode !== 0 && isUp) console.error(`${name} in ${folder} was not stopped:\n${stderr}`);
        else rmSync(folder, { recursive: true, force: true });
      }),
    );
  }
}

function scriptOf(name: string): string {
  return join(root, "scripts", "servers", `${name}.sh`);
}

async function up(script: string, folder: string, variable: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runScript(script, "up", folder);
  if (exitCode === 0) return stdout;
  throw new Error(
    `${stderr}${script} could not start a server (it needs Debian and root)\n` +
      `set ${variable}, and what goes with it, to name one that runs`,
  );
}

async function runScript(script: string, verb: "up" | "down", folder: string) {
  // In a group of its own: Ctrl-C in the terminal stops the run, and the run stops the servers.
  const run = Bun.spawn([script, verb, folder], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
    // As it is now: left out, it would be as it was when this process began. Whatever ends this process, a signal that
    // nobody can catch or a terminal that is closed, its servers end, too.
    env: { ...process.env, SERVER_OWNER: String(process.pid) },
  });
  const [stdout, stderr, exitCode] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  return { exitCode, stdout, stderr };
}

/** The names and values of lines `export NAME=VALUE`; a value may stand in single quotes. */
function* variablesOf(text: string): Generator<[string, string]> {
  for (const [, name, quoted, plain] of text.matchAll(/^export (\w+)=(?:'(.*)'|(.*))$/gm)) {
    yield [name!, quoted ?? plain ?? ""];
  }
}
