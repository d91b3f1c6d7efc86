// A real gateway behind a proxy that answers in its place: what an answer means, and what becomes of it.
import { describe, expect, spyOn, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bucket } from "../../src/s3/bucket.ts";
import { infoOf } from "../../src/s3/head.ts";
import { behindProxy, nth } from "../support/behind.ts";
import { foldErrorOf } from "../support/folds.ts";
import type { Fault, Seen } from "../support/proxy.ts";
import { beginUpload } from "../support/raw-object.ts";
import { hasty, otherWay, temporaryBucket } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";

const bucket = await temporaryBucket();
const folder = temporaryFolder();
const text = new TextEncoder().encode("the whale ".repeat(5_000));
const big = new Uint8Array(34 << 20);
const bigPath = join(folder, "big");
writeFileSync(bigPath, big);
await bucket.put("text", text);
const behind = behindProxy(bucket);

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

test("who sends us elsewhere is not followed: nobody else gets what we have signed", async () => {
  let asked = 0;
  const elsewhere = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(`${++asked}`) });
  const here = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.redirect(elsewhere.url.href, 307) });
  try {
    const other = otherWay(bucket, { endpoint: here.url.origin });
    for (const act of [() => other.put("told", text), () => other.get("text", text.length), () => other.head("text")]) {
      await expect(act()).rejects.toMatchObject({ code: "refused", status: 307 });
    }
    expect(asked).toBe(0);
  } finally {
    await here.stop(true);
    await elsewhere.stop(true);
  }
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
