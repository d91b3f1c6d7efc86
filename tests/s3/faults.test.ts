// A real gateway behind a proxy that fails: what fold believes afterwards is what is there.
import { describe, expect, spyOn, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Connection, type S3Options } from "../../src/s3/connection.ts";
import { readBody } from "../../src/s3/get.ts";
import { behindProxy, nth } from "../support/behind.ts";
import { foldErrorOf } from "../support/folds.ts";
import type { Fault, Seen } from "../support/proxy.ts";
import { randomNumbers } from "../support/random.ts";
import { putUnhashed } from "../support/raw-object.ts";
import { hasty, temporaryBucket } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";

const bucket = await temporaryBucket();
const folder = temporaryFolder();
const text = new TextEncoder().encode("the whale ".repeat(5_000));
const big = new Uint8Array(34 << 20);
for (let at = 0; at < big.length; at += 65_536) crypto.getRandomValues(big.subarray(at, at + 65_536));
const bigPath = join(folder, "big");
writeFileSync(bigPath, big);
writeFileSync(join(folder, "small"), text);
await bucket.put("text", text);
await bucket.putFile("big", bigPath);
const behind = behindProxy(bucket);

test("nothing happens behind a proxy that does nothing", async () => {
  const seen = await behind(
    () => null,
    async (there) => {
      await there.put("plain", text);
      expect((await there.get("plain", text.length)).bytes).toEqual(text);
      expect(await there.putIf("plain", text, { ifAbsent: true })).toBeNull();
    },
  );
  expect(seen.map(({ method }) => method)).toEqual(["PUT", "GET", "PUT", "HEAD"]);
});

const failures: Fault[] = [
  { kind: "status", status: 500 },
  { kind: "status", status: 503 },
  { kind: "status", status: 429 },
  { kind: "cut", after_bytes: 0 },
  { kind: "cut", after_bytes: 100 },
  { kind: "lose" },
];

describe.each(failures)("%j", (fault) => {
  test("a put is done once more only when it did not happen", async () => {
    const key = crypto.randomUUID();
    const seen = await behind(nth("PUT", 1, fault), async (there) => {
      await there.put(key, text);
    });
    expect((await bucket.get(key, text.length)).bytes).toEqual(text);
    const puts = seen.filter(({ method }) => method === "PUT").length;
    expect(puts).toBe(fault.kind === "lose" ? 1 : 2);
  });

  test("who was first stays first, whatever became of the answer", async () => {
    const key = crypto.randomUUID();
    await behind(nth("PUT", 1, fault), async (there) => {
      expect(await there.putIf(key, text, { ifAbsent: true })).not.toBeNull();
      expect(await there.putIf(key, text, { ifAbsent: true })).toBeNull();
    });
  });

  test("get, list, remove", async () => {
    const key = crypto.randomUUID();
    await bucket.put(`${key}/a`, text);
    await behind(nth("GET", 1, fault), async (there) => {
      expect((await there.get("text", text.length)).bytes).toEqual(text);
    });
    await behind(nth("GET", 1, fault), async (there) => {
      expect((await there.list(`${key}/`).next()).value).toMatchObject([{ key: `${key}/a` }]);
    });
    await behind(nth("POST", 1, fault), (there) => there.remove([`${key}/a`]));
    expect(await bucket.head(`${key}/a`)).toBeNull();
  });
});

describe("each request of a multipart upload may fail", () => {
  const few: Fault[] = [{ kind: "status", status: 500 }, { kind: "cut", after_bytes: 100 }, { kind: "lose" }];
  // Begin, five parts, completion, a look.
  const places = [
    ["POST", 1],
    ["POST", 2],
    ["PUT", 3],
    ["HEAD", 1],
  ] as const;
  const cases = few.flatMap((fault) => places.map(([method, number]) => ({ fault, method, number })));
  test.each(cases)("%j", async ({ fault, method, number }) => {
    const key = crypto.randomUUID();
    await behind(nth(method, number, fault), async (there) => {
      await there.putFile(key, bigPath);
    });
    expect((await bucket.head(key))?.size_bytes).toBe(big.length);
  });

  test("one that fails for good leaves no parts", async () => {
    const key = crypto.randomUUID();
    const decide = ({ method, path }: Seen): Fault | null =>
      method === "PUT" && path.includes("partNumber=4") ? { kind: "status", status: 500 } : null;
    await behind(decide, async (there) => {
      await expect(there.putFile(key, bigPath)).rejects.toMatchObject({ code: "unreachable", status: 500 });
    });
    expect(await bucket.head(key)).toBeNull();
    expect(await bucket.abortStaleUploads(key, Number.POSITIVE_INFINITY)).toBe(0);
  });
});

describe("a completion that is said to have happened", () => {
  // As from a gateway that answers before it is through, and then is not; or from something in between.
  const body = '<?xml version="1.0"?><CompleteMultipartUploadResult><Key>big</Key></CompleteMultipartUploadResult>';
  const says = ({ method, path }: Seen): Fault | null =>
    method === "POST" && path.includes("uploadId=") ? { kind: "status", status: 200, body } : null;

  const befores = [
    { before: null, message: "it is not there after it was written" },
    { before: text, message: "what is there is not what was written" },
  ];
  test.each(befores)("and has not: $message", async ({ before, message }) => {
    const key = crypto.randomUUID();
    if (before !== null) await bucket.put(key, before);
    await behind(says, async (there) => {
      const error = await foldErrorOf(() => there.putFile(key, bigPath));
      expect(error.message).toContain(message);
      expect(error.message).toContain(key);
    });
    expect((await bucket.head(key))?.size_bytes).toBe(before?.length);
    expect(await bucket.abortStaleUploads(key, Number.POSITIVE_INFINITY)).toBe(0);
  });
});

describe("an answer that ends too early is never taken for whole", () => {
  const cuts: Fault[] = [0, 1, 17_000, text.length - 1].flatMap((after_bytes) =>
    [true, false].map((isPolite) => ({ kind: "truncate" as const, after_bytes, isPolite })),
  );
  test.each(cuts)("%j", async (fault) => {
    await behind(nth("GET", 1, fault), async (there) => {
      expect((await there.get("text", text.length)).bytes).toEqual(text);
    });
    const always = behind(
      ({ method }) => (method === "GET" ? fault : null),
      async (there) => {
        await there.get("text", text.length);
      },
    );
    await expect(always).rejects.toMatchObject({ exitCode: 1 });
  });

  test("a list", async () => {
    for (let i = 0; i < 40; i++) await bucket.put(`list/${i}`, text);
    for (const after_bytes of [0, 1, 300, 5_000]) {
      for (const isPolite of [true, false]) {
        await behind(nth("GET", 1, { kind: "truncate", after_bytes, isPolite }), async (there) => {
          expect((await there.list("list/").next()).value).toHaveLength(40);
        });
      }
    }
  });

  test("also where the runtime would take it for whole", async () => {
    const pieces = async function* (...texts: string[]) {
      for (const text of texts) yield await Promise.resolve(new TextEncoder().encode(text));
    };
    const deed = { action: "read", subject: "it" };
    const one = { signal: new AbortController().signal, touch: () => {} };
    let got = 0;
    const read = (...texts: string[]) =>
      readBody(new Response(pieces(...texts)).body, deed, one, 5, (piece) => {
        got += piece.length;
      });
    await read("wh", "ale");
    expect(got).toBe(5);
    await expect(read("wh", "al")).rejects.toMatchObject({ code: "corrupt", isTransient: true });
    await expect(read("wh", "ales")).rejects.toMatchObject({ code: "corrupt", isTransient: true });
  });

  test("an object of which nobody told the hash", async () => {
    const key = crypto.randomUUID();
    await putUnhashed(bucket, key, text);
    for (const fault of cuts) {
      const path = join(folder, crypto.randomUUID());
      await behind(nth("GET", 1, fault), async (there) => {
        expect((await there.get(key, text.length)).bytes).toEqual(text);
      });
      await behind(nth("GET", 1, fault), async (there) => {
        expect((await there.getFile(key, path)).verifiedBy).toBeNull();
      });
      expect(readFileSync(path).equals(text)).toBe(true);
    }
  });

  test("a file goes on where it was cut", async () => {
    const path = join(folder, "back");
    // Each answer ends after two megabytes: no range is ever had in one go, and none would ever be whole that begins anew.
    const fault: Fault = { kind: "truncate", after_bytes: 2 << 20, isPolite: false };
    const seen = await behind(
      ({ method }) => (method === "GET" ? fault : null),
      async (there) => {
        expect((await there.getFile("big", path)).verifiedBy).toBe("sha256");
      },
    );
    expect(readFileSync(path).equals(big)).toBe(true);
    expect(seen.filter(({ method }) => method === "GET").length).toBeGreaterThan(big.length / (2 << 20));
  });
});

test("bytes that changed on their way are fetched again, or refused", async () => {
  const path = join(folder, "flipped");
  await behind(nth("GET", 2, { kind: "flip", at_byte: 12_345 }), async (there) => {
    await there.getFile("big", path);
  });
  expect(readFileSync(path).equals(big)).toBe(true);
  const always = behind(
    ({ method }) => (method === "GET" ? { kind: "flip", at_byte: 12_345 } : null),
    async (there) => {
      await there.getFile("big", join(folder, "never"));
    },
  );
  await expect(always).rejects.toMatchObject({ code: "corrupt" });
  await behind(nth("GET", 1, { kind: "flip", at_byte: 0 }), async (there) => {
    expect((await there.get("text", text.length)).bytes).toEqual(text);
  });
  expect(readdirSync(folder).filter((name) => name.startsWith("never"))).toEqual([]);
});

test("an object that changes while it is fetched is fetched as one or the other", async () => {
  const path = join(folder, "changing");
  await bucket.putFile("changing", bigPath);
  const other = big.slice(0, 33 << 20);
  let change: Promise<unknown> | null = null;
  await behind(
    ({ method, number }) => {
      if (method === "GET" && number === 4) change ??= bucket.put("changing", other);
      return method === "GET" && number > 3 ? { kind: "slow", piece_bytes: 65_536 } : null;
    },
    async (there) => {
      await there.getFile("changing", path);
    },
  );
  await change;
  const got = readFileSync(path);
  expect(got.equals(big) || got.equals(other)).toBe(true);
});

test("no answer at all is not waited for", async () => {
  const options = { ...hasty, idle_ms: 300 };
  const decide = nth("GET", 1, { kind: "stall" });
  await behind(decide, async (there) => void (await there.get("text", text.length)), options);
  await behind(
    nth("PUT", 1, { kind: "stall" }),
    async (there) => void (await there.put("after a stall", text)),
    options,
  );
});

test("a slow answer is waited for as long as something comes", async () => {
  const slow: Fault = { kind: "slow", piece_bytes: 100 };
  const options: S3Options = { patience: { tries: 1, base_ms: 1, most_ms: 1 }, idle_ms: 300 };
  await behind(
    ({ method }) => (method === "GET" ? slow : null),
    async (there) => {
      expect((await there.get("text", text.length)).bytes).toEqual(text);
    },
    options,
  );
});

test("parts that share a slow line have the time that it takes all of them", async () => {
  const calls = spyOn(Connection.prototype, "call");
  try {
    await bucket.putFile("shared line", bigPath);
    const sent = calls.mock.calls.map(([{ upload_bytes }]) => upload_bytes ?? 0).filter((bytes) => bytes > 0);
    // Five parts, four of them at a time.
    expect(sent).toEqual(Array(5).fill(4 * (8 << 20)));
  } finally {
    calls.mockRestore();
  }
});

test("an other side that always fails is given up", async () => {
  const seen = await behind(
    () => ({ kind: "status", status: 503 }),
    async (there) => {
      await expect(there.get("text", text.length)).rejects.toMatchObject({ code: "unreachable", status: 503 });
    },
  );
  expect(seen.length).toBe(6);
});

const seeds = [1, 2, 3, 4];
test.each(seeds)("a bad day, seed %d: all that is told is true", async (seed) => {
  const random = randomNumbers(seed);
  const faults: Fault[] = [
    ...failures,
    { kind: "truncate", after_bytes: 3_000, isPolite: true },
    { kind: "truncate", after_bytes: 30_000, isPolite: false },
    { kind: "flip", at_byte: 20 },
  ];
  const patient = { patience: { tries: 20, base_ms: 1, most_ms: 10 }, idle_ms: 5_000 };
  const decide = () => (random() < 0.3 ? faults[Math.floor(random() * faults.length)]! : null);
  await behind(
    decide,
    async (there) => {
      const acts = Array.from({ length: 30 }, async (_, i) => {
        const key = `day-${seed}/${i % 10}`;
        const mine = new TextEncoder().encode(`${i} `.repeat(4_000));
        const isFirst = (await there.putIf(key, mine, { ifAbsent: true })) !== null;
        const found = (await there.get(key, 1 << 20)).bytes;
        return { key, isFirst, isMine: Buffer.compare(found, mine) === 0 };
      });
      const told = await Promise.all(acts);
      for (const { isFirst, isMine } of told) expect(isFirst).toBe(isMine);
      expect(told.filter(({ isFirst }) => isFirst).length).toBe(10);
      const path = join(folder, `day-${seed}`);
      await there.putFile(`day-${seed}/big`, bigPath);
      await there.getFile(`day-${seed}/big`, path);
      expect(readFileSync(path).equals(big)).toBe(true);
    },
    patient,
  );
});

test("no body is sent in signed chunks, and each says how long it is and what its hash is", async () => {
  const requests = await behind(
    () => null,
    async (there) => {
      await there.put("small", text);
      await there.putFile("whole", join(folder, "small"));
      await there.putFile("parts", bigPath);
    },
  );
  const bodies = requests.filter(({ method }) => method === "PUT");
  expect(bodies.length).toBeGreaterThan(5);
  for (const { head } of bodies) {
    expect(head).not.toMatch(/aws-chunked|transfer-encoding|STREAMING-|x-amz-trailer/i);
    expect(head).toMatch(/^content-length: [1-9]/im);
    expect(head).toMatch(/^content-md5: /im);
  }
});
