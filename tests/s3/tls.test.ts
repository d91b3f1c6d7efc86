// Nobody is told anything who cannot show who they are.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Bucket } from "../../src/s3/bucket.ts";
import { Connection } from "../../src/s3/connection.ts";
import { call } from "../support/binary.ts";
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

const cases: [host: string, issuer: string, message: string, requests: number][] = [
  ["localhost", "unknown", "the certificate is not to be trusted", 0],
  // Its issuer is vouched for, and it is another host's.
  ["127.0.0.2", "known", "the certificate is not to be trusted", 0],
  // Only then the key is looked at, by a server that refuses all: also to say why.
  ["localhost", "known", "the key may not do this", 2],
  ["127.0.0.1", "known", "the key may not do this", 2],
];
test.if(hasCertificate).each(cases)(
  "the executable, %s, an issuer that is %s: %s (needs openssl)",
  async (host, issuer, message, expected) => {
    let requests = 0;
    const server = Bun.serve({
      port: 0,
      hostname: host === "127.0.0.2" ? host : "127.0.0.1",
      tls: { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") },
      fetch: () => {
        requests++;
        return new Response("", { status: 403 });
      },
    });
    try {
      const endpoint = { DO_SPACES_ENDPOINT: `https://${host}:${server.port}` };
      const { exit, stderr } = await call(["setup"], {
        env: issuer === "known" ? { ...endpoint, NODE_EXTRA_CA_CERTS: cert } : endpoint,
      });
      expect([exit, stderr, requests]).toEqual([4, expect.stringContaining(message), expected]);
    } finally {
      await server.stop(true);
    }
  },
);
