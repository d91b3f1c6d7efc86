// The conformance suite on a state directory.
import { conformance } from "./conformance.ts";
import { LocalPlace } from "./local-place.ts";

conformance("local", () => Promise.resolve(new LocalPlace()));
