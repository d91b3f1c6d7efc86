// A real gateway behind a proxy that fails: what fold believes afterwards is what is there.
import { describe, expect, spyOn, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bucket } from "../../src/s3/bucket.ts";
import { Connection, type S3Options } from "../../src/s3/connection.ts";
import { readBody } from "../../src/s3/get.ts";
import { infoOf } from "../../src/s3/head.ts";
import { foldErrorOf } from "../support/folds.ts";
import { type Fault, type Seen, startProxy } from "../support/proxy.ts";
import { randomNumbers } from "../support/random.ts";
import { beginUpload, putUnhashed } from "../support/raw-object.ts";
import { hasty, otherWay, spaces, temporaryBucket } from "../support/spaces.ts";
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

/** Do something with the bucket behind a proxy; the requests that it saw. */
async function behind(
  decide: (request: Seen) => Fault | null,
  act: (there: Bucket) => Promise<void>,
  options: S3Options = hasty,
): Promise<readonly Seen[]> {
  const proxy = await startProxy(spaces.endpoint, decide);
  try {
    await act(otherWay(bucket, { endpoint: proxy.endpoint }, options));
  } finally {
    await proxy.close();
  }
  return proxy.seen;
}

/** A fault at the Nth request of a method. */
function nth(method: string, number: number, fault: Fault): (request: Seen) => Fault | null {
  let count = 0;
  return (request) => (request.method === method && ++count === number ? fault : null);
}

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

test("an upload whose parts somebody throws away is no object that is not found", async () => {
  const key = crypto.randomUUID();
  let [isRemoving, removed] = [false, 0];
  const removeParts = async () => {
    isRemoving = true;
    removed = await bucket.abortStaleUploads(key, Number.POSITIVE_INFINITY);
  };
  const decide = ({ method }: Seen): Fault | null => {
    if (method !== "PUT" || removed > 0) return null;
    if (!isRemoving) void removeParts();
    return { kind: "status", status: 503 };
  };
  // As often as it takes until they are gone.
  const patient = { ...hasty, patience: { tries: 10_000, base_ms: 4, most_ms: 50 } };
  const put = async (there: Bucket) => {
    const error = await foldErrorOf(() => there.putFile(key, bigPath));
    expect([error.code, error.message]).toEqual(["conflict", expect.stringContaining("thrown its parts away")]);
  };
  await behind(decide, put, patient);
  expect([removed, await bucket.head(key)]).toEqual([1, null]);
});

describe("a key that may write and not list, and so is refused where nothing is", () => {
  const refusal: Fault = { kind: "status", status: 403 };
  const broken: Fault = { kind: "status", status: 503 };

  test("a put is done once more", async () => {
    const key = crypto.randomUUID();
    const first = nth("PUT", 1, broken);
    const decide = (request: Seen) => (request.method === "PUT" ? first(request) : refusal);
    const seen = await behind(decide, async (there) => {
      await there.put(key, text);
    });
    expect(seen.filter(({ method }) => method === "PUT").length).toBe(2);
    expect((await bucket.get(key, text.length)).bytes).toEqual(text);
    // Without looking nobody knows who has won.
    const again = nth("PUT", 1, broken);
    const race = behind(
      (request) => (request.method === "PUT" ? again(request) : refusal),
      async (there) => void (await there.putIf(key, text, { ifAbsent: true })),
    );
    await expect(race).rejects.toMatchObject({ code: "refused" });
  });

  test("so is a completion", async () => {
    const key = crypto.randomUUID();
    // Begin, completion.
    const second = nth("POST", 2, broken);
    let isLooking = false;
    const decide = (request: Seen) => {
      if (request.method === "HEAD" && !isLooking) return refusal;
      if (request.method === "GET") isLooking = true;
      return second(request);
    };
    await behind(decide, async (there) => {
      await there.putFile(key, bigPath);
    });
    expect((await bucket.head(key))?.size_bytes).toBe(big.length);
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

describe("an answer of somebody who knows no objects", () => {
  const page: Fault = { kind: "status", status: 200, body: "<html><body>log in first</body></html>" };
  const corrupt = { code: "corrupt", message: expect.stringContaining("does not tell what the object is") };

  test("is no object, and what is there is asked for once more", async () => {
    await behind(nth("GET", 1, page), async (there) => {
      expect((await there.get("text", text.length)).bytes).toEqual(text);
    });
    await behind(nth("HEAD", 1, page), async (there) => {
      expect(await there.head("text")).toMatchObject({ size_bytes: text.length });
    });
    const path = join(folder, "page");
    await behind(
      () => page,
      async (there) => {
        await expect(there.get("text", text.length)).rejects.toMatchObject(corrupt);
        await expect(there.getFile("text", path)).rejects.toMatchObject(corrupt);
        // Nor has somebody else been faster.
        await expect(there.putIf("text", text, { ifAbsent: true })).rejects.toMatchObject(corrupt);
      },
    );
    expect(existsSync(path)).toBe(false);
  });

  test("no length is not the length 0", () => {
    const deed = { action: "look at", subject: "it" };
    const answer = (headers: Record<string, string>) => new Response(null, { headers });
    expect(infoOf(answer({ etag: '"a-2"', "content-length": "0" }), deed)).toMatchObject({
      etag: "a-2",
      size_bytes: 0,
    });
    for (const headers of [{ etag: '"a-2"' }, { "content-length": "5" }, { etag: '"a-2"', "content-length": "" }]) {
      expect(() => infoOf(answer(headers as Record<string, string>), deed)).toThrow(expect.objectContaining(corrupt));
    }
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

const told: [status: number, errorCode: string, hint: string][] = [
  [301, "PermanentRedirect", "check DO_SPACES_ENDPOINT and DO_SPACES_REGION"],
  [307, "", "check DO_SPACES_ENDPOINT and DO_SPACES_REGION"],
  [400, "AuthorizationHeaderMalformed", "check DO_SPACES_ENDPOINT and DO_SPACES_REGION"],
  [403, "RequestTimeTooSkewed", "set the clock of this machine"],
  [403, "QuotaExceeded", "quota of the bucket"],
  [403, "AccessDenied", "give the key the right"],
];
test.each(told)("what %d %s means is told, once and for all that is asked", async (status, errorCode, hint) => {
  const body = `<?xml version="1.0"?><Error><Code>${errorCode}</Code></Error>`;
  const refused = { code: "refused", exitCode: 4, hint: expect.stringContaining(hint) };
  const seen = await behind(
    () => ({ kind: "status", status, body }),
    async (there) => {
      await expect(there.put("told", text)).rejects.toMatchObject(refused);
      await expect(there.get("text", text.length)).rejects.toMatchObject(refused);
      await expect(there.getFile("text", join(folder, "told"))).rejects.toMatchObject(refused);
    },
  );
  // A refusal does not pass, so nothing is tried again; why a HEAD was refused may have to be asked for.
  expect(seen.map(({ method }) => method).slice(0, 3)).toEqual(["PUT", "GET", "HEAD"]);
  expect(seen.length).toBeLessThanOrEqual(4);
});

test("objects that could not be removed for a moment are removed by the next call, and others told", async () => {
  const answer = (code: string) =>
    `<?xml version="1.0"?><DeleteResult><Error><Key>going</Key><Code>${code}</Code></Error></DeleteResult>`;
  for (const code of ["InternalError", "SlowDown"]) {
    await bucket.put("going", text);
    const seen = await behind(nth("POST", 1, { kind: "status", status: 200, body: answer(code) }), async (there) => {
      await there.remove(["going"]);
    });
    expect(seen.map(({ method }) => method)).toEqual(["POST", "POST"]);
    expect(await bucket.head("going")).toBeNull();
  }
  const always = (code: string) => () => ({ kind: "status", status: 200, body: answer(code) }) as const;
  const failing = (there: Bucket) => there.remove(["going"]).catch((error: unknown) => error);
  await behind(always("SlowDown"), async (there) => {
    expect(await failing(there)).toMatchObject({ code: "unreachable", message: expect.stringContaining("SlowDown") });
  });
  await behind(always("AccessDenied"), async (there) => {
    expect(await failing(there)).toMatchObject({ code: "refused", message: expect.stringContaining("AccessDenied") });
  });
});

describe("uploads that others have left are thrown away", () => {
  const isAbort = ({ method, path }: Seen) => method === "DELETE" && path.includes("uploadId=");

  test("until the user stops it, and not on", async () => {
    const prefix = crypto.randomUUID();
    for (let i = 0; i < 3; i++) await beginUpload(bucket.name, `${prefix}/${i}`);
    const stop = new AbortController();
    const decide = (request: Seen): Fault | null => {
      if (!isAbort(request)) return null;
      stop.abort();
      return { kind: "stall" };
    };
    const seen = await behind(decide, async (there) => {
      const error = await foldErrorOf(() => there.abortStaleUploads(prefix, Infinity, { signal: stop.signal }));
      expect(error.code).toBe("interrupted");
    });
    expect(seen.filter(isAbort).length).toBe(1);
    expect(await bucket.abortStaleUploads(prefix, Infinity)).toBe(3);
  });

  test("with the patience of every call: no time that is over is told as a stop by the user", async () => {
    const prefix = crypto.randomUUID();
    await beginUpload(bucket.name, `${prefix}/0`);
    const timeout = spyOn(AbortSignal, "timeout").mockReturnValue(AbortSignal.abort());
    try {
      await bucket.tryUpload(`${prefix}/1`);
      expect(await bucket.abortStaleUploads(prefix, Infinity)).toBe(1);
    } finally {
      timeout.mockRestore();
    }
  });
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
