import { FoldError } from "../errors.ts";
import type { Place } from "./place.ts";
import { signUrl } from "./sign.ts";

/** The longest that such a URL can be good for: a week. */
const MOST_SECONDS = 604_800;

/**
 * A URL by which anybody can read an object for some time. It is as good as a key: not for logs.
 *
 * @param expires_s seconds, up to a week
 * @param saveAs the file name that a browser saves it under
 */
export function presign({ connection, bucket }: Place, key: string, expires_s: number, saveAs?: string): string {
  if (!(Number.isInteger(expires_s) && expires_s >= 1 && expires_s <= MOST_SECONDS)) {
    throw new FoldError("usage", `a URL cannot be good for ${expires_s} s`, "give between a second and 7 days");
  }
  const query = saveAs === undefined ? {} : { "response-content-disposition": dispositionOf(saveAs) };
  return signUrl(connection.config, { method: "GET", bucket, key, query }, expires_s);
}

function dispositionOf(name: string): string {
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  return `attachment; filename*=UTF-8''${encoded}`;
}
