import { FoldError } from "../errors.ts";
import type { TextPlace } from "../jobs/read-texts.ts";
import type { CommandIo } from "./command.ts";

/**
 * One text after the other. A text that cannot be read does not keep the others from it.
 *
 * @param done what is done to a text, for the message: "folded"
 * @throws FoldError `partial` or `failed` in the end when there were such texts; the error itself of a text alone
 */
export async function eachText(
  places: readonly TextPlace[],
  work: (place: TextPlace) => Promise<void>,
  done: string,
  { output }: CommandIo,
): Promise<void> {
  let failures = 0;
  for (const place of places) {
    try {
      await work(place);
    } catch (error) {
      if (places.length === 1 || !(error instanceof FoldError) || !isOfOneText(error)) throw error;
      failures++;
      output.warn(`${error.message}; ${error.hint}`);
    }
  }
  if (failures === 0) return;
  throw new FoldError(
    places.length > failures ? "partial" : "failed",
    `${failures} of ${places.length} texts could not be ${done}`,
    "see the warnings above; run the same command again when they are mended",
  );
}

function isOfOneText({ code }: FoldError): boolean {
  return ["not_utf8", "empty", "too_long", "unreadable", "not_found"].includes(code);
}
