import { readSpacesConfig, type SpacesConfig } from "../config.ts";
import { FoldError } from "../errors.ts";
import { Bucket } from "../s3/bucket.ts";
import { Connection } from "../s3/connection.ts";
import { prefixes } from "../storage/cloud/keys.ts";
import { bad, type Check, type Checkup, checkupOf, type DoctorRole, good } from "./check.ts";
import { type Deed, keyProbes, neededDeeds, type Use } from "./key-probes.ts";
import { tidyings } from "./setup.ts";

/** Beyond this the clocks of workers differ too much to compare their logs; beyond 15 minutes signatures are refused. */
const MOST_SKEW_MS = 60_000;
const LOOKS = 5;
/** Impatient: whoever calls a doctor wants to know that something fails, not that it works in the end. */
const patience = { tries: 2, base_ms: 200, most_ms: 1_000 };
const IDLE_MS = 15_000;
const SMALL = new TextEncoder().encode("made by `fold doctor`; may be removed");

const reachName = "Spaces: key and clock";

const uses = ["input", "results", "temp"] as const;

/** What there is to look at in Spaces. Settings that are missing are a finding too. */
export function spacesCheckup(role: DoctorRole): Checkup {
  try {
    return new SpacesCheckup(readSpacesConfig(), role);
  } catch (error) {
    return checkupOf("Spaces: settings", error);
  }
}

class SpacesCheckup implements Checkup {
  readonly checks: readonly Check[];
  private readonly connection: Connection;
  /** Objects that were perhaps made, and not removed yet. */
  private readonly made = new Map<string, Bucket>();

  constructor(config: SpacesConfig, role: DoctorRole) {
    this.connection = new Connection(config, { patience, idle_ms: IDLE_MS });
    const bucketOf = (use: Use) => new Bucket(this.connection, config.buckets[use]);
    const needs = neededDeeds[role];
    // Those that the key may look at.
    const needed = uses.filter((use) => needs[use].length > 0);
    const changes = (use: Use) => (["write", "delete"] as const).every((deed: Deed) => needs[use].includes(deed));
    this.checks = [
      this.reach(bucketOf(needed[0] ?? "input")),
      ...uses.flatMap((use) =>
        changes(use)
          ? this.bucketChecks(bucketOf(use), use)
          : keyProbes(bucketOf(use), prefixes[use], needs[use], reachName),
      ),
      ...(role === "all" ? uses.map((use) => rules(bucketOf(use), use)) : []),
      ...(changes("temp") ? [this.race(bucketOf("temp"), "temp")] : []),
      ...(changes("results") ? [this.multipart(bucketOf("results"), "results")] : []),
      ...needed.map((use) => latency(bucketOf(use), changes(use) ? "is there" : "list")),
    ];
  }

  async close(): Promise<void> {
    for (const [key, bucket] of this.made) {
      // A check has told why already.
      await bucket.remove([key]).catch(() => {});
    }
  }

  /** Make an object that will be removed, come what may. */
  private async make<T>(bucket: Bucket, key: string, act: () => Promise<T>): Promise<T> {
    this.made.set(key, bucket);
    return await act();
  }

  private async remove(bucket: Bucket, key: string): Promise<void> {
    await bucket.remove([key]);
    this.made.delete(key);
  }

  /** Whether somebody answers at all, knows the key, and has the same time. */
  private reach(bucket: Bucket): Check {
    return {
      name: reachName,
      run: async (signal) => {
        try {
          // Not a HEAD: the answer to that has no body, and so does not tell what is wrong with a key.
          await bucket.list("", { signal, page: 1 }).next();
        } catch (error) {
          // A bucket that is not there is told by somebody who knows the key.
          if (!(error instanceof FoldError && error.code === "not_found")) throw error;
        }
        const skew_ms = this.connection.skew_ms ?? 0;
        const seconds = Math.round(Math.abs(skew_ms) / 1000);
        const what = `the clock there is ${seconds} s ${skew_ms < 0 ? "behind" : "ahead of"} the one here`;
        return Math.abs(skew_ms) <= MOST_SKEW_MS
          ? good(what)
          : bad(what, "set the clock of this machine (timedatectl)");
      },
    };
  }

  /** What workers do in a bucket, one thing after the other with one object. */
  private bucketChecks(bucket: Bucket, use: Use): readonly Check[] {
    const key = newKey(use);
    const check = (deed: string, after: string, run: Check["run"]): Check => {
      const name = `${bucket.name}: ${deed}`;
      return { name, after: after === reachName ? after : `${bucket.name}: ${after}`, run };
    };
    return [
      check("is there", reachName, async (signal) => {
        const isThere = await bucket.exists({ signal });
        return isThere ? good("yes") : bad("there is no such bucket", "`fold setup` makes it");
      }),
      check("right to delete", "is there", async (signal) => {
        // There is no such object yet. Who may not remove it would leave it.
        await bucket.remove([key], { signal });
        return good("it may");
      }),
      check("write", "right to delete", async (signal) => {
        await this.make(bucket, key, () => bucket.put(key, SMALL, { signal }));
        return good("an object was written");
      }),
      check("read", "write", async (signal) => {
        const { bytes } = await bucket.get(key, SMALL.length, { signal });
        const fix = "something on the way changes what is sent";
        return Buffer.compare(bytes, SMALL) === 0 ? good("the same came back") : bad("other bytes came back", fix);
      }),
      check("list", "write", async (signal) => {
        for await (const page of bucket.list(key, { signal })) {
          if (page.some((object) => object.key === key)) return good("the object is in the list");
        }
        return bad("the object is not in the list", "use a service whose lists are up to date");
      }),
      check("delete", "write", async (signal) => {
        await this.remove(bucket, key);
        const isLeft = (await bucket.head(key, { signal })) !== null;
        return isLeft ? bad(`${key} is still there`, "remove it by hand") : good("the object is gone");
      }),
    ];
  }

  /** Two write the same key on condition that it is free: one of them must be first, and know it. */
  private race(bucket: Bucket, use: Use): Check {
    return {
      name: `${bucket.name}: conditional writes`,
      after: `${bucket.name}: delete`,
      run: async (signal) => {
        const key = newKey(use);
        const texts = ["one", "two"].map((text) => new TextEncoder().encode(text));
        const etags = await this.make(bucket, key, () =>
          Promise.all(texts.map((text) => bucket.putIf(key, text, { ifAbsent: true }, { signal }))),
        );
        const winners = texts.filter((_, i) => etags[i] !== null);
        const { bytes } = await bucket.get(key, SMALL.length, { signal });
        await this.remove(bucket, key);
        const isRight = winners.length === 1 && Buffer.compare(bytes, winners[0]!) === 0;
        const fix = "this service does not honour If-None-Match; use one that does";
        return isRight ? good("of two at once one was first") : bad(`of two at once ${winners.length} were first`, fix);
      },
    };
  }

  /** Large files are put in parts: begin, one part, complete, look. */
  private multipart(bucket: Bucket, use: Use): Check {
    return {
      name: `${bucket.name}: multipart`,
      after: `${bucket.name}: delete`,
      run: async (signal) => {
        const key = newKey(use);
        await this.make(bucket, key, () => bucket.putInParts(key, SMALL, { signal }));
        await this.remove(bucket, key);
        return good("an upload in parts arrived whole");
      },
    };
  }
}

/** A key for an object to try something with. */
function newKey(use: Use): string {
  return `${prefixes[use]}fold-doctor/${crypto.randomUUID()}`;
}

/** Whether a bucket throws away what it should; to ask that takes the key of whoever has made it. */
function rules(bucket: Bucket, use: Use): Check {
  return {
    name: `${bucket.name}: rules`,
    after: `${bucket.name}: is there`,
    run: async (signal) => {
      const isRight = await bucket.hasTidying(tidyings[use], { signal });
      return isRight ? good("they are as fold sets them") : bad("its rules are others", "`fold setup` sets them");
    },
  };
}

/** How long the shortest question takes: buckets may be in different places. */
function latency(bucket: Bucket, after: "is there" | "list"): Check {
  return {
    name: `${bucket.name}: latency`,
    after: `${bucket.name}: ${after}`,
    run: async (signal) => {
      const times: number[] = [];
      for (let i = 0; i < LOOKS; i++) {
        const started = performance.now();
        await bucket.exists({ signal });
        times.push(performance.now() - started);
      }
      const median = times.sort((a, b) => a - b)[LOOKS >> 1] ?? 0;
      return good(`an answer takes ${median.toFixed(1)} ms`);
    },
  };
}
