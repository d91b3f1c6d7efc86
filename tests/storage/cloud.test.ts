// The conformance suite on PostgreSQL and S3: real servers, which scripts/test.ts starts.
import { CloudPlace } from "./cloud-place.ts";
import { conformance } from "./conformance.ts";

conformance("cloud", () => CloudPlace.make());
