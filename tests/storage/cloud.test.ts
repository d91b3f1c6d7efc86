// The conformance suite on PostgreSQL and S3: real servers, which scripts/test.ts starts.
import { CloudPlaces } from "./cloud-place.ts";
import { conformance } from "./conformance.ts";

const places = new CloudPlaces();
conformance("cloud", () => places.make());
