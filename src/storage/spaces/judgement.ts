import type { Database } from "bun:sqlite";
import type { FoldOptions } from "../../archive/manifest.ts";

/** How to choose among archives. */
export interface Choice {
  readonly max_dims: number | null;
  readonly min_volume: number;
  /** Of different texts that were under one key one after the other, only the last. */
  readonly latest: boolean;
}

/** Equal for archives that can be merged, shards aside. */
export function optionsKey({ max_dims, min_volume }: Pick<FoldOptions, "max_dims" | "min_volume">): string {
  return `--max-dims ${max_dims ?? "all"} --min-volume ${min_volume}`;
}

/** Decide what becomes of each archive in the table of a Survey. Those that were found to be damaged stay so. */
export function judge(database: Database, choice: Choice): void {
  database.run("update archives set fate = 'kept', reason = '' where fate <> 'damaged'");
  leaveOutDuplicates(database);
  leaveOutOptions(database, choice);
  leaveOutVersions(database);
  leaveOutNames(database);
  if (choice.latest) leaveOutEarlierTexts(database);
  leaveOutShards(database);
  tellOtherTexts(database);
}

function leaveOutDuplicates(database: Database): void {
  database.run(`
    update archives as a set fate = 'duplicate', reason = 'the same as ' || (
      select min(key) from archives as b where b.tar = a.tar and b.fate = 'kept')
    where fate = 'kept' and exists (
      select 1 from archives as b where b.tar = a.tar and b.fate = 'kept' and b.key < a.key)`);
}

function leaveOutOptions(database: Database, choice: Choice): void {
  database
    .query(
      "update archives set fate = 'left out', reason = 'folded with ' || options where fate = 'kept' and options <> ?",
    )
    .run(optionsKey(choice));
}

const RIVAL = `b.input = a.input and b.options = a.options and b.sentences = a.sentences and b.tar <> a.tar
  and b.fate = 'kept' and coalesce(b.shard, 0) = coalesce(a.shard, 0) and coalesce(b.shards, 0) = coalesce(a.shards, 0)`;

/** The same text folded alike, and yet not the same bytes: the one that was made last stands for all. */
function leaveOutVersions(database: Database): void {
  database.run(`
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
function leaveOutNames(database: Database): void {
  const first = `b.sentences = a.sentences and b.options = a.options and b.fate = 'kept' and b.shard is null
    and b.lineage = a.lineage and (b.made_ms, b.key) < (a.made_ms, a.key)`;
  database.run(`
    update archives as a set fate = 'left out', reason = 'the same under another name as ' || (
      select b.key from archives as b where ${first} order by b.made_ms, b.key limit 1)
    where fate = 'kept' and shard is null and exists (select 1 from archives as b where ${first})`);
}

function leaveOutEarlierTexts(database: Database): void {
  const later = `b.input = a.input and b.fate = 'kept' and b.sentences <> a.sentences and not b.is_merge
    and b.made_ms > a.made_ms`;
  database.run(`
    update archives as a set fate = 'left out', reason = 'its text was replaced under the same key, see ' || (
      select b.key from archives as b where ${later} order by b.made_ms desc limit 1)
    where fate = 'kept' and not is_merge and exists (select 1 from archives as b where ${later})`);
}

const FELLOWS = `select count(distinct b.shard) from archives as b where b.sentences = a.sentences
  and b.options = a.options and b.shards = a.shards and b.fate in ('kept', 'incomplete')`;

/** Shards go together or not at all; the whole text makes them needless. */
function leaveOutShards(database: Database): void {
  database.run(`
    update archives as a set fate = 'left out', reason = 'the whole text is there' where fate = 'kept'
    and shard is not null and exists (select 1 from archives as b where b.sentences = a.sentences
      and b.options = a.options and b.shard is null and b.fate = 'kept')`);
  database.run(`
    update archives as a set fate = 'incomplete', reason = 'of ' || shards || ' shards only ' || (${FELLOWS}) ||
      ' are there' where fate = 'kept' and shard is not null and (${FELLOWS}) < shards`);
}

/** Different texts under one key are all kept, and that is told. */
function tellOtherTexts(database: Database): void {
  const other = "b.input = a.input and b.fate = 'kept' and b.sentences <> a.sentences and b.key < a.key";
  database.run(`
    update archives as a set reason = 'another text under the same key than that of ' || (
      select min(b.key) from archives as b where ${other})
    where fate = 'kept' and exists (select 1 from archives as b where ${other})`);
}
