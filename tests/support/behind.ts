// A bucket that is reached through a proxy, which does what networks do at chosen requests.
import type { Bucket } from "../../src/s3/bucket.ts";
import type { S3Options } from "../../src/s3/connection.ts";
import { type Fault, type Seen, startProxy } from "./proxy.ts";
import { hasty, otherWay, spaces } from "./spaces.ts";

/** A function that does something with the bucket behind a proxy, and gives back the requests that it saw. */
export function behindProxy(bucket: Bucket) {
  return async (
    decide: (request: Seen) => Fault | null,
    act: (there: Bucket) => Promise<void>,
    options: S3Options = hasty,
  ): Promise<readonly Seen[]> => {
    const proxy = await startProxy(spaces.endpoint, decide);
    try {
      await act(otherWay(bucket, { endpoint: proxy.endpoint }, options));
    } finally {
      await proxy.close();
    }
    return proxy.seen;
  };
}

/** A fault at the Nth request of a method. */
export function nth(method: string, number: number, fault: Fault): (request: Seen) => Fault | null {
  let count = 0;
  return (request) => (request.method === method && ++count === number ? fault : null);
}
