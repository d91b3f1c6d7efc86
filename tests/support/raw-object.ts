// Objects as other programs put them there: with any metadata, also such as fold would not write.
import { createHmac } from "node:crypto";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { Bucket } from "../../src/s3/bucket.ts";
import { spaces } from "./spaces.ts";

type Metadata = Readonly<Record<string, string>>;

async function send(act: (client: S3Client) => Promise<unknown>): Promise<void> {
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = spaces;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    await act(client);
  } finally {
    client.destroy();
  }
}

/** Put bytes with this metadata and no other. */
export async function putRaw({ name }: Bucket, key: string, bytes: Uint8Array, metadata: Metadata): Promise<void> {
  const input = { Bucket: name, Key: key, Body: bytes, Metadata: { ...metadata } };
  await send((client) => client.send(new PutObjectCommand(input)));
}

/** Change the bytes of an object, and nothing that is said of it. */
export async function changeBytes(bucket: Bucket, key: string, bytes: Uint8Array): Promise<void> {
  await putRaw(bucket, key, bytes, (await bucket.head(key))!.metadata);
}

/** Put bytes under a key that cannot be the path of a URL, such as one with dots between slashes: as browsers do. */
export async function postObject({ name }: Bucket, key: string, bytes: Uint8Array): Promise<void> {
  const { endpoint, region, accessKey, secretKey } = spaces;
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const day = time.slice(0, 8);
  const fields = {
    key,
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": `${accessKey}/${day}/${region}/s3/aws4_request`,
    "x-amz-date": time,
  };
  const expiration = new Date(Date.now() + 60_000).toISOString();
  const conditions = [{ bucket: name }, ...Object.entries(fields).map(([field, value]) => ({ [field]: value }))];
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString("base64");
  const sign = (by: string | Buffer, text: string) => createHmac("sha256", by).update(text).digest();
  const signer = ["s3", "aws4_request"].reduce(sign, sign(sign(`AWS4${secretKey}`, day), region));
  const form = new FormData();
  const signature = sign(signer, policy).toString("hex");
  for (const [field, value] of Object.entries({ ...fields, policy, "x-amz-signature": signature })) {
    form.append(field, value);
  }
  form.append("file", new Blob([bytes as Uint8Array<ArrayBuffer>]));
  const { status } = await fetch(`${endpoint}/${name}`, { method: "POST", body: form });
  if (status >= 300) throw new Error(`the gateway answered ${status}`);
}

/** Put an object of which nobody tells a hash: its ETag is one of parts. */
export async function putUnhashed({ name }: Bucket, key: string, bytes: Uint8Array): Promise<void> {
  const place = { Bucket: name, Key: key };
  await send(async (client) => {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(place));
    const part = { ...place, UploadId, PartNumber: 1 };
    const { ETag } = await client.send(new UploadPartCommand({ ...part, Body: bytes }));
    const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
    await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload }));
  });
}

/** Begin an upload in parts, as somebody does who is killed then. */
export async function beginUpload(bucket: string, key: string): Promise<void> {
  await send((client) => client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key })));
}
