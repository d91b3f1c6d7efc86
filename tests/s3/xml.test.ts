// What is asked and told in XML, also such as no gateway here tells.
import { expect, test } from "bun:test";
import { ErrorAnswer } from "../../src/s3/s3-error.ts";
import { decodeKey, elementsOf, errorCodeOf, isTruncated, readXml, textOf, writeXml } from "../../src/s3/xml.ts";

const deed = { action: "list", subject: "it" };
const read = (text: string) => readXml(new Response(text), "Found", deed);

test("elements none, once and often, and texts as they are", async () => {
  const found = await read(
    "<?xml version='1.0'?><Found xmlns='x'><One> a&amp;b </One><Two/><Two><In>007</In></Two></Found>",
  );
  expect(textOf(found, "One")).toBe(" a&b ");
  expect(textOf(found, "None")).toBeUndefined();
  expect(elementsOf(found, "None")).toEqual([]);
  expect(elementsOf(found, "Two")).toEqual([{}, { In: "007" }]);
  expect(await read("<Found/>")).toEqual({});
});

test("what is asked can be read", async () => {
  const keys = [" <&> ", "\"a'", "]]>", "🐋", ""];
  const text = writeXml("Found", { Quiet: "true", Object: keys.map((Key) => ({ Key })) });
  expect(text).toContain('xmlns="http://s3.amazonaws.com/doc/2006-03-01/"');
  const found = await read(text);
  expect(elementsOf(found, "Object").map((object) => textOf(object, "Key"))).toEqual(keys);
});

const broken = ["", "<Found><One>", "<html><body>Bad Gateway</body></html>", "no XML at all", "<Other/>"];
test.each(broken)("%j is not a whole answer, and may be one the next time", async (text) => {
  await expect(read(text)).rejects.toMatchObject({ code: "corrupt", isTransient: true });
  expect(await errorCodeOf(new Response(text), deed)).toBeUndefined();
});

test("an error may be told as a success", async () => {
  const error = "<Error><Code>InternalError</Code></Error>";
  const caught = await read(error).catch((thrown: unknown) => thrown);
  expect(caught).toBeInstanceOf(ErrorAnswer);
  expect(caught).toMatchObject({ status: 500, errorCode: "InternalError" });
  expect(await errorCodeOf(new Response(error), deed)).toBe("InternalError");
  await expect(read("<Error/>")).rejects.toMatchObject({ status: 500, errorCode: undefined });
});

test("what XML cannot hold does not spoil the rest", async () => {
  const found = await read("<Found><Prefix>&#x1b;[31m\u0001&#x00;&#xFFFE;\t&#x9;</Prefix><Key>a</Key></Found>");
  expect(textOf(found, "Key")).toBe("a");
  expect(textOf(found, "Prefix")).toBe("\ufffd[31m\ufffd\ufffd\ufffd\t\t");
});

test("an answer without an end is not read to it", async () => {
  const endless = async function* () {
    for (;;) yield await Promise.resolve(new Uint8Array(1 << 20));
  };
  const answer = new Response(endless());
  await expect(readXml(answer, "Found", deed)).rejects.toMatchObject({ message: expect.stringContaining("not end") });
});

test("keys, and whether another page follows", () => {
  expect(decodeKey("a%2Bb+c%1B/%F0%9F%90%8B")).toBe("a+b c\u001b/🐋");
  expect(isTruncated({ IsTruncated: "true" }, deed)).toBe(true);
  expect(isTruncated({ IsTruncated: "false" }, deed)).toBe(false);
  expect(() => isTruncated({}, deed)).toThrow("not whole");
});
