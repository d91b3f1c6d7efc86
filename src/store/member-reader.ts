import { FoldError, type FoldErrorCode } from "../errors.ts";
import { startThread } from "../threads.ts";
import type { PlacedFrame, ReadFrame, ReadOrder, ReadReport } from "./member-messages.ts";

/** Reads the members of an archive on a thread of its own: hashing takes as long as storing. */
export class MemberReader {
  private readonly thread = startThread("store/member-worker");
  /** Who waits for the next answers, in order. */
  private readonly asked: PromiseWithResolvers<ReadFrame>[] = [];
  private failure: FoldError | null = null;

  /**
   * @param file open until this is closed
   * @param path of the file, for messages
   */
  constructor(
    private readonly file: number,
    private readonly path: string,
  ) {
    this.thread.onmessage = ({ data }: MessageEvent<ReadReport>) => {
      if (data.kind === "read") this.asked.shift()?.resolve(data.member);
      else this.fail(new FoldError(data.code as FoldErrorCode, data.message, data.hint));
    };
    this.thread.onerror = ({ message }) => this.fail(new FoldError("failed", message, "add the archive again"));
  }

  /** Ask for a member; several may be asked for before the first is there. */
  read(body: PlacedFrame): Promise<ReadFrame> {
    const answer = Promise.withResolvers<ReadFrame>();
    // Told by whoever waits for it; where another member fails first, nobody does.
    answer.promise.catch(() => {});
    if (this.failure !== null) answer.reject(this.failure);
    else {
      this.asked.push(answer);
      const order: ReadOrder = { file: this.file, path: this.path, body };
      this.thread.postMessage(order);
    }
    return answer.promise;
  }

  close(): void {
    this.thread.terminate();
  }

  private fail(error: FoldError): void {
    this.failure = error;
    for (const answer of this.asked.splice(0)) answer.reject(error);
  }
}
