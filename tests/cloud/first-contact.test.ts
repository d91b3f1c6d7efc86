// A database that was never reached: commands say that they wait for it, and only workers wait for long.
import { expect, test } from "bun:test";
import type { Socket } from "bun";
import { binary, call } from "../support/binary.ts";
import { withFleet } from "../support/fleet.ts";

/** A port where nobody listens, until somebody does. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  listener.stop(true);
  return listener.port;
}

/** A way to a server that is there from now on. */
function forward(port: number, target: URL) {
  return Bun.listen<Promise<Socket>>({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(client) {
        const { hostname, port } = target;
        const socket = {
          data: (_: Socket, bytes: Uint8Array) => void client.write(bytes),
          close: () => void client.end(),
        };
        client.data = Bun.connect({ hostname, port: Number(port), socket });
      },
      data: async (client, bytes) => void (await client.data).write(bytes.slice()),
      close: async (client) => void (await client.data).end(),
    },
  });
}

/** What is said on stderr, until it holds a text. */
async function saidUntil(text: string, stderr: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stderr.getReader();
  const decoder = new TextDecoder();
  let said = "";
  while (!said.includes(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`it ended without saying so: ${said}`);
    said += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return said;
}

test.each(["jobs", "status", "archives", "retry 1", "db status"])(
  "%s says that it waits, and gives up",
  async (command) => {
    await withFleet(async ({ env, databaseUrl }) => {
      const { password, pathname } = new URL(databaseUrl);
      const DATABASE_URL = databaseUrl.replace(/:\d+\//, ":1/");
      const { exit, stdout, stderr } = await call(command.split(" "), { env: { ...env, DATABASE_URL } });
      expect([exit, stdout]).toEqual([1, ""]);
      expect(stderr).toStartWith(`waiting for the database at 127.0.0.1:1${pathname}: no connection (ECONNREFUSED)\n`);
      expect(stderr).toContain(`fold: database 127.0.0.1:1${pathname}: no connection (ECONNREFUSED)\nhint: `);
      expect(stderr).not.toContain(password);
    });
  },
);

test("a worker that is there before its database says that it waits, and works", async () => {
  await withFleet(async (fleet) => {
    const port = freePort();
    const DATABASE_URL = fleet.databaseUrl.replace(/:\d+\//, `:${port}/`);
    const worker = Bun.spawn([binary, "worker", "--json", "--quiet"], {
      stderr: "pipe",
      env: { ...process.env, ...fleet.env, DATABASE_URL },
    });
    expect(await saidUntil("\n", worker.stderr)).toStartWith(`waiting for the database at 127.0.0.1:${port}/`);
    const way = forward(port, new URL(fleet.databaseUrl));
    try {
      expect(await worker.stdout.text()).toContain('"event":"end"');
      expect(await worker.exited).toBe(0);
    } finally {
      way.stop(true);
    }
  });
});

test("a worker that waits for its database can be stopped", async () => {
  await withFleet(async (fleet) => {
    const DATABASE_URL = fleet.databaseUrl.replace(/:\d+\//, ":1/");
    const worker = Bun.spawn([binary, "work", "--quiet"], {
      stderr: "pipe",
      env: { ...process.env, ...fleet.env, DATABASE_URL },
    });
    await saidUntil("\n", worker.stderr);
    worker.kill("SIGTERM");
    await saidUntil("stopped before the database was reached\nhint: start the worker again", worker.stderr);
    expect(await worker.exited).toBe(130);
  });
});
