// Nobody is told anything who cannot show who they are.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { hasty, spaces } from "../support/spaces.ts";
import { temporaryFolder } from "../support/temporary.ts";

const folder = temporaryFolder();
const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
const hasCertificate =
  Bun.which("openssl") !== null &&
  Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
  ]).success;

test.if(hasCertificate)(
  "a certificate that nobody vouches for ends it before a request is sent (needs openssl)",
  async () => {
    let requests = 0;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      tls: { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") },
      fetch: () => {
        requests++;
        return new Response();
      },
    });
    try {
      const endpoint = `https://127.0.0.1:${server.port}`;
      const bucket = new Bucket(new Connection({ ...spaces, endpoint }, hasty), "any");
      const error = await bucket.put("key", new Uint8Array(10)).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: "refused", exitCode: 4, message: expect.stringContaining("certificate") });
      expect(requests).toBe(0);
    } finally {
      await server.stop(true);
    }
  },
);
