// A bucket that is away: what its workers tell of it.
import { expect, test } from "bun:test";
import { work } from "../../src/jobs/worker.ts";
import { SpacesPlaces } from "../storage/spaces-place.ts";
import { type Seen, startProxy } from "../support/proxy.ts";
import { spaces } from "../support/spaces.ts";
import { kindsOf, workerOn } from "./workers.ts";

const places = new SpacesPlaces();

test("without coordination, who is stopped while the bucket is away does not tell that it is back", async () => {
  const place = await places.make();
  const isUpload = ({ method, path }: Seen) => method === "PUT" && path.includes(place.config.buckets.results);
  const proxy = await startProxy(spaces.endpoint, (seen) => (isUpload(seen) ? { kind: "status", status: 503 } : null));
  try {
    await place.putText("book", "one two. two three.");
    const storage = { ...place.config, spaces: { ...spaces, endpoint: proxy.endpoint } };
    const worker = workerOn(place, {
      storage,
      onEvent: ({ kind }) => {
        if (kind === "away") worker.stop();
      },
    });
    expect(await work(worker.request)).toMatchObject({ done: 0, failed: 0, lost: 0 });
    expect(kindsOf(worker.events)).toEqual(["claimed", "away", "returned", "resting"]);
  } finally {
    await proxy.close();
    await place.remove();
  }
});
