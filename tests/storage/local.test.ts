// The conformance suite on a state directory: with archives as objects, and with archives as whole files.
import { quickParent } from "../support/temporary.ts";
import { conformance } from "./conformance.ts";
import { LocalPlace } from "./local-place.ts";

conformance("local", () => Promise.resolve(new LocalPlace()));
conformance("local, whole files", () => Promise.resolve(new LocalPlace(quickParent, Number.POSITIVE_INFINITY)));
