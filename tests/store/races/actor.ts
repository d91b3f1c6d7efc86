// Does to a store, in a worker and one disk operation at a time (stepper.ts), what races with a garbage collection.
import { Files } from "../../../src/store/files.ts";
import { Store } from "../../../src/store/store.ts";
import { act, type Task } from "./acts.ts";
import { endTurns, waitForTurn } from "./stepper.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<Task>) => {
  const wait = () => waitForTurn(data.steps);
  let failure: string | null = null;
  try {
    act(new Store(data.stateDir, new Files(wait)), data, wait);
  } catch (error) {
    failure = String(error);
  }
  endTurns(data.steps);
  self.postMessage(failure);
};
self.postMessage("ready");
