import { Database } from "bun:sqlite";
import type { ArchiveFacts } from "./archive-facts.ts";
import { type Choice, judge, optionsKey } from "./judgement.ts";
import type { ArchiveObject, UnknownObject } from "./result-archives.ts";

/**
 * What becomes of an archive in a collection.
 *
 * - `kept`: it is merged
 * - `duplicate`: another one is the same to the byte
 * - `left out`: another one stands for it, or it does not go with the others; nothing of what is merged is missing
 * - `incomplete`: a shard whose fellows are missing
 * - `damaged`: it is no whole archive, or another than it says
 */
export type Fate = "kept" | "duplicate" | "left out" | "incomplete" | "damaged";

/** An archive with what becomes of it, and why where that is not plain. */
export interface Surveyed extends ArchiveObject {
  readonly fate: Fate;
  readonly reason: string;
}

/** An archive that cannot be used, as it is reported. */
export interface Judged {
  readonly key: string;
  readonly input: string;
  readonly fate: Fate;
  readonly reason: string;
}

const SCHEMA = `
  create table archives(
    key text primary key, size_bytes integer, etag text, made_ms real, sha256 text, facts text,
    input text, options text, shard integer, shards integer, tar text, content text, sentences text,
    turn integer, version text, is_merge integer, lineage text, fate text not null, reason text not null
  ) strict;
  create index by_input on archives(input, options, shard, tar);
  create index by_place on archives(input, key);
  create index by_turn on archives(turn, key);
  create index by_tar on archives(tar, key);
  create index by_text on archives(sentences, options, shards, shard);
`;

/** All archives of a bucket in a table on the disk, so that memory does not grow with their number. */
export class Survey {
  private readonly database: Database;

  /** @param path of a file that is not there yet */
  constructor(path: string) {
    this.database = new Database(path);
    this.database.run("pragma journal_mode = off");
    this.database.run("pragma synchronous = off");
    this.database.run(SCHEMA);
  }

  close(): void {
    this.database.close();
  }

  add(objects: readonly ArchiveObject[]): void {
    const insert = this.database.query(`insert into archives values (${Array(19).fill("?").join(", ")})`);
    this.database.transaction(() => {
      for (const { key, size_bytes, etag, made_ms, sha256, facts } of objects) {
        const { name, input, options, tar_sha256, content_sha256, sentences_sha256, sentences_bytes, version } = facts;
        const { number = null, of = null } = options.shard ?? {};
        const isMerge = facts.lineage.startsWith("(") && options.shard === null ? 1 : 0;
        const place = [key, size_bytes, etag, made_ms, sha256, JSON.stringify(facts)] as const;
        const from = [input === "" ? name : input, optionsKey(options), number, of] as const;
        const hashes = [tar_sha256, content_sha256, sentences_sha256] as const;
        // Unions first, the largest first: what they hold need not be merged again.
        const turn = isMerge === 1 ? -sentences_bytes : 0;
        insert.run(...place, ...from, ...hashes, turn, version, isMerge, facts.lineage, "kept", "");
      }
    })();
  }

  /** Add an object that is no whole archive. */
  addDamaged({ key, size_bytes, made_ms }: UnknownObject | ArchiveObject, reason: string): void {
    this.database
      .query("insert into archives(key, size_bytes, made_ms, input, fate, reason) values (?, ?, ?, '', 'damaged', ?)")
      .run(key, size_bytes, made_ms, reason);
  }

  /** Decide what becomes of each; again after some were found to be damaged. */
  judge(choice: Choice): void {
    judge(this.database, choice);
  }

  /**
   * Of the archives that say they are the same and are not the same bytes, one of each kind: one is damaged or says what
   * is not so, or another version has compressed it.
   */
  doubtful(): Surveyed[] {
    const several = "group by tar having count(distinct etag || ' ' || size_bytes) > 1";
    return (
      this.database
        .query(`select *, min(key) from archives where fate <> 'damaged' and tar in (
          select tar from archives where fate <> 'damaged' ${several}) group by tar, etag, size_bytes`)
        .all() as Row[]
    ).map(toSurveyed);
  }

  /** Set an archive aside after all; a duplicate of it takes its place, where there is one. */
  replaceDamaged(key: string, reason: string): void {
    this.database.query("update archives set fate = 'damaged', reason = ? where key = ?").run(reason, key);
    const next = this.database
      .query(`select b.key from archives as a join archives as b on b.tar = a.tar
        where a.key = ? and b.fate = 'duplicate' order by b.key limit 1`)
      .get(key) as { key: string } | null;
    if (next === null) return;
    this.database.query("update archives set fate = 'kept', reason = '' where key = ?").run(next.key);
  }

  leaveOut(key: string, reason: string): void {
    this.database.query("update archives set fate = 'left out', reason = ? where key = ?").run(reason, key);
  }

  /** What is merged: unions first, the largest first, and then by key. */
  *kept(): Generator<Surveyed> {
    const query = this.database.query(
      "select * from archives where fate = 'kept' and (turn, key) > (?, ?) order by turn, key limit 1",
    );
    // One at a time: what becomes of it may change the table.
    let last: readonly [number, string] = [Number.MIN_SAFE_INTEGER, ""];
    for (let row = query.get(...last) as Row | null; row !== null; row = query.get(...last) as Row | null) {
      last = [row.turn, row.key];
      yield toSurveyed(row);
    }
  }

  /** Pairs of a duplicate and the archive that stands for it, a page of them; first those after a key. */
  duplicates(after: string, most: number): { readonly key: string; readonly tar: string }[] {
    return this.database
      .query("select key, tar from archives where fate = 'duplicate' and key > ? order by key limit ?")
      .all(after, most) as { key: string; tar: string }[];
  }

  /** What stands for a duplicate: merged or not, it is not removed. */
  keeperOf(tar: string): Surveyed | null {
    const row = this.database
      .query("select * from archives where tar = ? and fate <> 'duplicate' and fate <> 'damaged' limit 1")
      .get(tar) as Row | null;
    return row === null ? null : toSurveyed(row);
  }

  /** Every archive and what became of it, by input and key. */
  *all(): Generator<Judged> {
    const query = this.database.query(
      "select key, input, fate, reason from archives where (input, key) > (?, ?) order by input, key limit 1",
    );
    let last: readonly [string, string] = ["", ""];
    for (let row = query.get(...last) as Judged | null; row !== null; row = query.get(...last) as Judged | null) {
      last = [row.input, row.key];
      yield row;
    }
  }

  count(fate: Fate): number {
    const row = this.database.query("select count(*) as count from archives where fate = ?").get(fate);
    return (row as { count: number }).count;
  }

  /** How many inputs there are. */
  inputs(): number {
    const row = this.database.query("select count(distinct input) as count from archives where input <> ''").get();
    return (row as { count: number }).count;
  }
}

interface Row {
  readonly key: string;
  readonly size_bytes: number;
  readonly etag: string;
  readonly made_ms: number;
  readonly sha256: string | null;
  readonly facts: string;
  readonly turn: number;
  readonly fate: Fate;
  readonly reason: string;
}

function toSurveyed({ key, size_bytes, etag, made_ms, sha256, facts, fate, reason }: Row): Surveyed {
  return { key, size_bytes, etag, made_ms, sha256, facts: JSON.parse(facts) as ArchiveFacts, fate, reason };
}
