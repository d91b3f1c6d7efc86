import { Database } from "bun:sqlite";
import type { FoldOptions } from "../../archive/manifest.ts";
import type { ArchiveFacts } from "./archive-facts.ts";
import type { ArchiveObject, UnknownObject } from "./result-archives.ts";

/**
 * What becomes of an archive in a collection.
 *
 * - `kept`: it is merged
 * - `duplicate`: another one is the same to the byte
 * - `left out`: another one stands for it, or it does not go with the others; nothing of what is merged is missing
 * - `incomplete`: a shard whose fellows are missing
 * - `damaged`: it is no whole archive
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

/** How to choose among archives. */
export interface Choice {
  readonly max_dims: number | null;
  readonly min_volume: number;
  /** Of different texts that were under one key one after the other, only the last. */
  readonly latest: boolean;
}

const SCHEMA = `
  create table archives(
    key text primary key, size_bytes integer, made_ms real, sha256 text, facts text,
    input text, options text, shard integer, shards integer, tar text, content text, sentences text,
    sentences_bytes integer, version text, is_merge integer, lineage text, fate text not null, reason text not null
  ) strict;
  create index by_input on archives(input, options, shard, tar);
  create index by_tar on archives(tar, key);
  create index by_text on archives(sentences, options, shards, shard);
`;

/** Equal for archives that can be merged, shards aside. */
const optionsKey = ({ max_dims, min_volume }: Pick<FoldOptions, "max_dims" | "min_volume">) =>
  `--max-dims ${max_dims ?? "all"} --min-volume ${min_volume}`;

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
    const insert = this.database.query(`insert into archives values (${Array(18).fill("?").join(", ")})`);
    this.database.transaction(() => {
      for (const { key, size_bytes, made_ms, sha256, facts } of objects) {
        const { name, input, options, tar_sha256, content_sha256, sentences_sha256, sentences_bytes, version } = facts;
        const { number = null, of = null } = options.shard ?? {};
        const isMerge = facts.lineage.startsWith("(") && options.shard === null ? 1 : 0;
        const place = [key, size_bytes, made_ms, sha256, JSON.stringify(facts)] as const;
        const from = [input === "" ? name : input, optionsKey(options), number, of] as const;
        const hashes = [tar_sha256, content_sha256, sentences_sha256] as const;
        insert.run(...place, ...from, ...hashes, sentences_bytes, version, isMerge, facts.lineage, "kept", "");
      }
    })();
  }

  /** Add an object that is no whole archive. */
  addDamaged({ key, size_bytes, made_ms }: UnknownObject | ArchiveObject, reason: string): void {
    this.database
      .query("insert into archives(key, size_bytes, made_ms, input, fate, reason) values (?, ?, ?, '', 'damaged', ?)")
      .run(key, size_bytes, made_ms, reason);
  }

  /** Decide what becomes of each. */
  judge(choice: Choice): void {
    this.database.run(`
      update archives as a set fate = 'duplicate', reason = 'the same as ' || (
        select min(key) from archives as b where b.tar = a.tar and b.fate = 'kept')
      where fate = 'kept' and exists (
        select 1 from archives as b where b.tar = a.tar and b.fate = 'kept' and b.key < a.key)`);
    this.leaveOutOptions(choice);
    this.leaveOutVersions();
    this.leaveOutNames();
    if (choice.latest) this.leaveOutEarlierTexts();
    this.leaveOutShards();
    this.tellOtherTexts();
  }

  private leaveOutOptions(choice: Choice): void {
    this.database
      .query(
        "update archives set fate = 'left out', reason = 'folded with ' || options where fate = 'kept' and options <> ?",
      )
      .run(optionsKey(choice));
  }

  /** The same text folded alike, and yet not the same bytes: the one that was made last stands for all. */
  private leaveOutVersions(): void {
    this.database.run(`
      update archives as a set fate = 'left out', reason = (
        select case
          when b.version <> a.version then 'made by fold ' || a.version || ', and ' || b.key || ' by ' || b.version
          when b.content = a.content then 'the same orthos as in ' || b.key || ', under another name'
          else 'the same text and options as ' || b.key || ', and other orthos: verify both' end
        from archives as b where ${RIVAL} order by b.made_ms desc, b.key desc limit 1)
      where fate = 'kept' and exists (
        select 1 from archives as b where ${RIVAL} and (b.made_ms, b.key) > (a.made_ms, a.key))`);
  }

  /** What was collected before under a name of its own, from one text: the first that was there stands for all. */
  private leaveOutNames(): void {
    const first = `b.sentences = a.sentences and b.options = a.options and b.fate = 'kept' and b.shard is null
      and b.lineage = a.lineage and (b.made_ms, b.key) < (a.made_ms, a.key)`;
    this.database.run(`
      update archives as a set fate = 'left out', reason = 'the same under another name as ' || (
        select b.key from archives as b where ${first} order by b.made_ms, b.key limit 1)
      where fate = 'kept' and shard is null and exists (select 1 from archives as b where ${first})`);
  }

  private leaveOutEarlierTexts(): void {
    const later = `b.input = a.input and b.fate = 'kept' and b.sentences <> a.sentences and not b.is_merge
      and b.made_ms > a.made_ms`;
    this.database.run(`
      update archives as a set fate = 'left out', reason = 'its text was replaced under the same key, see ' || (
        select b.key from archives as b where ${later} order by b.made_ms desc limit 1)
      where fate = 'kept' and not is_merge and exists (select 1 from archives as b where ${later})`);
  }

  /** Shards go together or not at all; the whole text makes them needless. */
  private leaveOutShards(): void {
    this.database.run(`
      update archives as a set fate = 'left out', reason = 'the whole text is there' where fate = 'kept'
      and shard is not null and exists (select 1 from archives as b where b.sentences = a.sentences
        and b.options = a.options and b.shard is null and b.fate = 'kept')`);
    this.database.run(`
      update archives as a set fate = 'incomplete', reason = 'of ' || shards || ' shards only ' || (${FELLOWS}) ||
        ' are there' where fate = 'kept' and shard is not null and (${FELLOWS}) < shards`);
  }

  /** Different texts under one key are all kept, and that is told. */
  private tellOtherTexts(): void {
    const other = "b.input = a.input and b.fate = 'kept' and b.sentences <> a.sentences and b.key < a.key";
    this.database.run(`
      update archives as a set reason = 'another text under the same key than that of ' || (
        select min(b.key) from archives as b where ${other})
      where fate = 'kept' and exists (select 1 from archives as b where ${other})`);
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
    const rest = "fate = 'kept' and (not is_merge, -is_merge * sentences_bytes, key) > (?, ?, ?)";
    const query = this.database.query(
      `select * from archives where ${rest} order by not is_merge, -is_merge * sentences_bytes, key limit 1`,
    );
    // One at a time: what becomes of it may change the table.
    let last: readonly [number, number, string] = [-1, 0, ""];
    for (let row = query.get(...last) as Row | null; row !== null; row = query.get(...last) as Row | null) {
      last = [row.is_merge === 1 ? 0 : 1, -row.is_merge * row.sentences_bytes, row.key];
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

const RIVAL = `b.input = a.input and b.options = a.options and b.sentences = a.sentences and b.tar <> a.tar
  and b.fate = 'kept' and coalesce(b.shard, 0) = coalesce(a.shard, 0) and coalesce(b.shards, 0) = coalesce(a.shards, 0)`;

const FELLOWS = `select count(distinct b.shard) from archives as b where b.sentences = a.sentences
  and b.options = a.options and b.shards = a.shards and b.fate in ('kept', 'incomplete')`;

interface Row {
  readonly key: string;
  readonly size_bytes: number;
  readonly made_ms: number;
  readonly sha256: string | null;
  readonly facts: string;
  readonly is_merge: number;
  readonly sentences_bytes: number;
  readonly fate: Fate;
  readonly reason: string;
}

function toSurveyed({ key, size_bytes, made_ms, sha256, facts, fate, reason }: Row): Surveyed {
  return { key, size_bytes, made_ms, sha256, facts: JSON.parse(facts) as ArchiveFacts, fate, reason };
}
