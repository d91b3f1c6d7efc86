import type { XML } from "bun";
import { type Deed, damaged, ErrorAnswer } from "./s3-error.ts";

/** More than the longest page of a list. */
const MOST_BYTES = 16 << 20;

/** What XML cannot hold, and Ceph tells all the same: in the prefix of a list, which it repeats as it was asked for. */
const untellable = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]|&#x(?:0*(?:[0-8bcef]|1[\da-f])|fff[ef]);/giu;

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

/** An element: of an answer, or of what is asked. */
export type Element = XML.Element;

/** The body of a request that asks in XML. */
export function writeXml(root: string, content: Element): string {
  return Bun.XML.stringify({ [root]: { "@xmlns": NAMESPACE, ...content } });
}

/**
 * What an answer tells in XML.
 *
 * @param root the name of its outermost element
 * @throws S3Error `corrupt`, transient, where it is not whole; ErrorAnswer for an error that was told as a success
 */
export async function readXml(response: Response, root: string, deed: Deed): Promise<Element> {
  const document = parse(await readText(response, deed));
  // Whoever works for long may begin to answer before it is through.
  if ("Error" in document) throw new ErrorAnswer(500, codeOf(document));
  const element = document[root];
  if (element === undefined) throw damaged(deed, "the answer is not whole");
  return typeof element === "string" ? {} : element;
}

/** What an answer that is an error calls itself; undefined where it does not tell. */
export async function errorCodeOf(response: Response, deed: Deed): Promise<string | undefined> {
  return codeOf(parse(await readText(response, deed)));
}

/** The elements of a name within another. */
export function elementsOf(element: Element, name: string): readonly Element[] {
  const found = element[name] ?? [];
  return (Array.isArray(found) ? found : [found]).map((one) => (typeof one === "string" ? {} : one));
}

/** The text of the only element of a name within another; undefined where there is none. */
export function textOf(element: Element, name: string): string | undefined {
  const found = element[name];
  return typeof found === "string" ? found : undefined;
}

/** A key as an answer tells it that was asked for keys as in URLs. */
export function decodeKey(key = ""): string {
  return decodeURIComponent(key.replaceAll("+", " "));
}

/** Whether another page of a list follows, which every whole answer tells. */
export function isTruncated(answer: Element, deed: Deed): boolean {
  const told = textOf(answer, "IsTruncated");
  if (told === undefined) throw damaged(deed, "the answer is not whole");
  return told === "true";
}

function codeOf({ Error: error = "" }: XML.Document): string | undefined {
  return typeof error === "string" ? undefined : textOf(error, "Code");
}

/** Nothing for what is no XML: half an answer, or one from something in between. */
function parse(text: string): XML.Document {
  try {
    return Bun.XML.parse(text.replace(untellable, "\ufffd"));
  } catch {
    return {};
  }
}

async function readText(response: Response, deed: Deed): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size_bytes = 0;
  for await (const piece of response.body ?? []) {
    size_bytes += piece.length;
    if (size_bytes > MOST_BYTES) throw damaged(deed, "the answer does not end");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
