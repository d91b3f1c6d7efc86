// Where the database is, how well the connection is protected, and what errors tell.
import { describe, expect, test } from "bun:test";
import { parseAddress } from "../../src/db/connection.ts";
import { openDatabase } from "../../src/db/database.ts";
import { listJobs } from "../../src/db/list-jobs.ts";
import { serverOf } from "../../src/db/server.ts";
import type { FoldError } from "../../src/errors.ts";
import { cutProxy } from "../support/cut-proxy.ts";
import { asOwner, connect, newDatabase, serverUrl } from "../support/database.ts";

const url = await newDatabase();
const [{ ssl_cert_file: certificate }] = await asOwner((sql) => sql`show ssl_cert_file`);

test("a URL is taken apart", () => {
  expect(
    parseAddress("postgres://us%40er:p%2Fw%3A%25@db.example:25060/fold?sslmode=verify-full&sslrootcert=/ca"),
  ).toEqual({
    host: "db.example",
    port: 25060,
    user: "us@er",
    password: "p/w:%",
    database: "fold",
    ssl: "verify-full",
    rootCertificate: "/ca",
  });
  expect(parseAddress("postgresql://u@[::1]")).toMatchObject({ host: "::1", port: 5432, password: "", database: "u" });
});

test.each([
  ["postgres://u:p@db.example/d", "require"],
  ["postgres://u:p@10.0.0.1/d", "require"],
  ["postgres://u:p@127.0.0.1/d", "disable"],
  ["postgres://u:p@localhost/d", "disable"],
  ["postgres://u:p@[::1]/d", "disable"],
  ["postgres://u:p@127.evil.example/d", "require"],
  ["postgres://u:p@localhost.evil.example/d", "require"],
  ["postgres://u:p@db.example/d?sslmode=disable", "disable"],
  ["postgres://u:p@127.0.0.1/d?sslmode=verify-ca", "verify-ca"],
])("%s is %s", (address, ssl) => {
  expect(parseAddress(address).ssl).toBe(ssl as never);
});

test.each([
  "s3cret",
  "postgres://u:s3cret@",
  "postgres://u:s3cret@host:port/d",
  "mysql://u:s3cret@h/d",
  "postgres://:s3cret@h/d",
  "postgres://u:s3cret%@h/d",
  "postgres://u:s3cret@h/d?sslmode=allow",
])("%s is refused, and not repeated", async (address) => {
  const error = await openDatabase({ url: address }).catch((error: FoldError) => error);
  expect(error).toMatchObject({ code: "usage" });
  expect(Bun.inspect(error) + JSON.stringify(error)).not.toContain("s3cret@");
  expect((error as FoldError).message).not.toContain("s3cret");
});

/** A URL with some of it changed. */
function changed(changes: Partial<URL>, search: Record<string, string> = {}, from = url): string {
  const other = Object.assign(new URL(from), changes);
  for (const [name, value] of Object.entries(search)) other.searchParams.set(name, value);
  return other.href;
}

/** How a connection to it fails. */
async function failureOf(address: string): Promise<FoldError> {
  const database = await openDatabase({ url: address, patience_ms: 200 });
  try {
    return (await listJobs(database).catch((error: FoldError) => error)) as FoldError;
  } finally {
    await database.close();
  }
}

describe("errors say what to do and keep the password", () => {
  const password = new URL(serverUrl()).password;
  const cases: [string, string, string, number][] = [
    ["a wrong password", changed({ password: "s3cret" }), "refused", 4],
    ["an unknown user", changed({ username: "nobody" }), "refused", 4],
    ["an unknown database", changed({ pathname: "/nowhere" }), "not_found", 5],
    ["nobody there", changed({ port: "1" }), "unreachable", 1],
    ["no such host", changed({ hostname: "no-such-host.invalid", search: "?sslmode=disable" }), "unreachable", 1],
    ["a database that was not migrated", changed({ pathname: "/postgres" }), "schema", 1],
    ["a certificate that nobody vouches for", changed({}, { sslmode: "verify-full" }), "refused", 4],
    [
      "a file of certificates that is not there",
      changed({}, { sslmode: "verify-ca", sslrootcert: "/none" }),
      "unreadable",
      4,
    ],
  ];
  test.each(cases)("%s", async (_, address, code, exit) => {
    const error = await failureOf(address).catch((error: FoldError) => error);
    expect([error.code, error.exitCode]).toEqual([code as never, exit as never]);
    expect(error.hint).not.toBe("");
    const all = `${Bun.inspect(error)} ${JSON.stringify(error)} ${error.stack} ${Bun.inspect(error.cause, { depth: 9 })}`;
    expect(all).not.toContain(password);
    expect(all).not.toContain("s3cret");
  });
});

test("encrypted where it is asked for, and verified", async () => {
  expect((await serverOf(await connect(url))).is_encrypted).toBe(false);
  for (const sslmode of ["prefer", "require"]) {
    expect((await serverOf(await connect(changed({}, { sslmode })))).is_encrypted).toBe(true);
  }
  for (const sslmode of ["require", "verify-ca", "verify-full"]) {
    for (const hostname of ["127.0.0.1", "localhost"]) {
      const address = changed({ hostname }, { sslmode, sslrootcert: certificate });
      expect((await serverOf(await connect(address))).is_encrypted).toBe(true);
    }
  }
});

test("a good certificate of another host is refused by verify-full, and by it alone", async () => {
  const elsewhere = cutProxy(url, "127.0.0.2").url;
  const verified = changed({}, { sslmode: "verify-ca", sslrootcert: certificate }, elsewhere);
  expect((await serverOf(await connect(verified))).is_encrypted).toBe(true);
  const full = changed({}, { sslmode: "verify-full", sslrootcert: certificate }, elsewhere);
  expect(await failureOf(full)).toMatchObject({ code: "refused" });
});

test.each(["require", "verify-ca", "verify-full"])(
  "with %s nothing is told to somebody who says there is no TLS",
  async (sslmode) => {
    const heard: Uint8Array[] = [];
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, bytes) {
          heard.push(Uint8Array.from(bytes));
          // To the request for TLS, as a server says that has none.
          if (heard.length % 2 === 1) socket.write("N");
          else socket.end();
        },
      },
    });
    try {
      const failure = await failureOf(changed({ port: String(listener.port) }, { sslmode }));
      expect(failure).toMatchObject({ code: "unreachable", hint: expect.stringContaining("sslmode") });
      expect(heard.length).toBeGreaterThan(0);
      const text = Buffer.concat(heard).toString("latin1");
      for (const part of [new URL(url).username, new URL(url).password, "user\0"]) expect(text).not.toContain(part);
    } finally {
      listener.stop(true);
    }
  },
);

test("numbers that would not be exact are refused", async () => {
  const database = await connect(url);
  const ask = (number: string) => database.ask((sql) => sql.unsafe(`select ${number}::bigint as number`));
  expect((await ask("9007199254740991"))[0].number).toBe(9007199254740991);
  expect(await ask("9007199254740993").catch((error: FoldError) => error.code)).toBe("corrupt");
});
