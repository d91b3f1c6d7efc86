// The first contact with a database: what is told while it is waited for, and for how long.
import { expect, test } from "bun:test";
import { openDatabase } from "../../src/db/database.ts";
import { serverOf } from "../../src/db/server.ts";
import { cutProxy } from "../support/cut-proxy.ts";
import { connect, newDatabase } from "../support/database.ts";

const url = await newDatabase();
const PASSWORD = new URL(url).password;

/** The same database at another port. */
function atPort(port: number): string {
  const other = new URL(url);
  other.port = String(port);
  return other.href;
}

/** What was told, and the first word of it. */
function listener() {
  const told: string[] = [];
  const { promise: first, resolve } = Promise.withResolvers<void>();
  const onWaiting = (what: string) => {
    told.push(what);
    resolve();
  };
  return { told, first, onWaiting };
}

test("nobody is there: it is told once, with the place and the reason and without the password", async () => {
  const { told, first, onWaiting } = listener();
  const database = await openDatabase({ url: atPort(1), contact: { onWaiting } });
  const asked = serverOf(database).catch((error: unknown) => error);
  await first;
  const { pathname } = new URL(url);
  expect(told).toEqual([`waiting for the database at 127.0.0.1:1${pathname}: no connection (ECONNREFUSED)`]);
  // Whoever waits can leave.
  await database.close();
  expect(await asked).toMatchObject({ code: "unreachable" });
  expect(told).toHaveLength(1);
  expect(told.join()).not.toContain(PASSWORD);
});

test("nobody answers: it is told, too", async () => {
  const { told, first, onWaiting } = listener();
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const database = await openDatabase({ url: atPort(silent.port), contact: { onWaiting } });
  const asked = serverOf(database).catch((error: unknown) => error);
  await first;
  expect(told).toEqual([expect.stringMatching(/^waiting for the database at 127.0.0.1:\d+\/\S+: no answer yet$/)]);
  await database.close();
  await asked;
  silent.stop(true);
});

test("a server that is there and takes its time is not waited for", async () => {
  const { told, onWaiting } = listener();
  const database = await connect(url, { contact: { onWaiting, patience_ms: 0 } });
  await database.ask((sql) => sql`select pg_sleep(1.5)`);
  expect(told).toEqual([]);
});

test("little patience is for the first contact alone", async () => {
  const proxy = cutProxy(url);
  const database = await connect(proxy.url, { contact: { patience_ms: 0 } });
  await serverOf(database);
  proxy.mode = "cut";
  await serverOf(database);
  expect(proxy.cuts).toBe(1);
  const other = await connect(atPort(1), { contact: { patience_ms: 0 } });
  expect(await serverOf(other).catch((error: unknown) => error)).toMatchObject({ code: "unreachable" });
});
