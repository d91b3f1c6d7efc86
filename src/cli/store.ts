import { existsSync } from "node:fs";
import { FoldError } from "../errors.ts";
import { breathe, type Pause } from "../store/files.ts";
import { objectsOf, type Reference } from "../store/reference.ts";
import { ReferencedArchive } from "../store/referenced.ts";
import { statsOf } from "../store/stats.ts";
import { defaultName, Store } from "../store/store.ts";
import type { StoredArchive } from "../store/stored-archive.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { flagName } from "./flags.ts";
import { stateDirectory } from "./state-directory.ts";
import { type StoreAction, type StoreFlags, storeActions, storeFlags } from "./store-definition.ts";
import { verifyStore } from "./store-verify.ts";
import { formatBytes, formatCounted, formatTable } from "./text.ts";

/** What an action works with. */
export interface StoreCall {
  readonly store: Store;
  /** The path or name that was given. */
  readonly subject: string;
  readonly flags: StoreFlags;
  readonly io: CommandIo;
  readonly pause: Pause;
}

const actions: Readonly<Record<StoreAction, (call: StoreCall) => Promise<number>>> = {
  ls: list,
  add,
  get,
  rm: remove,
  stats,
  verify: verifyStore,
  gc: collect,
};

/** `fold store ACTION`: archives as objects that are stored once. */
export async function execute({ parameters, flags }: CommandArguments<StoreFlags>, io: CommandIo): Promise<number> {
  const [action, subject = ""] = parameters;
  if (!isAction(action)) {
    const hint = `give one of ${Object.keys(storeActions).join(", ")}`;
    throw new FoldError("usage", `store cannot ${JSON.stringify(action)}`, hint);
  }
  checkUsage(action, parameters.length - 1, flags);
  const pause: Pause = async () => {
    if (io.signal.aborted) throw new FoldError("interrupted", "stopped", "run the same command again to go on");
    await breathe();
  };
  const store = new Store(stateDirectory(flags.stateDir ?? io.config.stateDir));
  return await actions[action]({ store, subject, flags, io, pause });
}

function isAction(action: string): action is StoreAction {
  return Object.hasOwn(storeActions, action);
}

function checkUsage(action: StoreAction, given: number, flags: StoreFlags): void {
  const { parameters, flags: own } = storeActions[action];
  const usage = "`fold help store` shows how each is used";
  if (given < parameters) throw new FoldError("usage", `store ${action} needs a path or a name`, usage);
  if (given > parameters) throw new FoldError("usage", `store ${action} takes no path and no name`, usage);
  const everywhere: readonly string[] = [...own, "stateDir", "json"];
  for (const [key, value] of Object.entries(flags)) {
    const isGiven = Array.isArray(value) ? value.length > 0 : value !== storeFlags[key as keyof StoreFlags].initial;
    if (isGiven && !everywhere.includes(key)) {
      throw new FoldError("usage", `store ${action} has no option ${flagName(key)}`, usage);
    }
  }
}

function list({ store, flags, io }: StoreCall): Promise<number> {
  // A name may stand for a reference and for a whole file from before.
  const archives = [
    ...store.referenced().map((name) => describe(name, () => store.find(name))),
    ...store.wholes().map((whole) => describe(whole.name, () => whole)),
  ].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  if (flags.json) {
    io.output.json({ archives });
    return Promise.resolve(0);
  }
  const rows = archives.map(({ name, form, size_bytes }) => [name, form, formatBytes(size_bytes)]);
  for (const line of formatTable(rows, "llr")) io.output.line(line);
  if (rows.length === 0) io.output.note(`${store.archives} holds no archives`);
  return Promise.resolve(0);
}

function describe(name: string, find: () => StoredArchive) {
  try {
    const found = find();
    const { form, size_bytes } = found;
    if (!(found instanceof ReferencedArchive)) return { name, form, size_bytes, objects: 0 };
    return { name, form: found.reference.kind, size_bytes, objects: countObjects(found.reference) };
  } catch (error) {
    if (!(error instanceof FoldError)) throw error;
    return { name, form: "damaged", size_bytes: 0, objects: 0 };
  }
}

/** The reference is an object, too. */
const countObjects = (reference: Reference) => objectsOf(reference).size + 1;

async function add({ store, subject, flags, io, pause }: StoreCall): Promise<number> {
  const name = flags.name ?? defaultName(subject);
  const { reference, isNew, new_objects, new_bytes } = await store.add(subject, name, pause);
  const objects = countObjects(reference);
  if (flags.json) io.output.json({ name, kind: reference.kind, is_new: isNew, objects, new_objects, new_bytes });
  else if (!isNew && new_objects === 0) io.output.line(`${name}: stored already, nothing to do`);
  else if (!isNew) {
    const mended = `${formatCounted(new_objects, "object")} written again (${formatBytes(new_bytes)})`;
    io.output.line(`${name}: stored already, but not all of it was there: ${mended}`);
  } else {
    io.output.line(`${name}: ${formatCounted(objects, "object")}, ${new_objects} new (${formatBytes(new_bytes)})`);
  }
  return 0;
}

async function get({ store, subject, flags, io, pause }: StoreCall): Promise<number> {
  if (flags.out === null) throw new FoldError("usage", "store get needs --out", "say where the archive is to go");
  if (flags.out === "-") {
    throw new FoldError("usage", "store get writes a file, not the standard output", "give a path, ./- for a file `-`");
  }
  if (existsSync(flags.out)) throw new FoldError("usage", `${flags.out} is there already`, "give another path");
  const found = store.find(subject);
  await found.restore(flags.out, pause);
  if (flags.json) io.output.json({ name: subject, out: flags.out, size_bytes: found.size_bytes });
  else io.output.line(`${flags.out}: ${formatBytes(found.size_bytes)}`);
  return 0;
}

const removals: Readonly<Record<StoredArchive["form"], (program: string) => string>> = {
  objects: (program) => `removed; \`${program} store gc\` frees the space`,
  whole: () => "removed: it was one whole file, which is gone",
  folder: () => "removed: it was a plain folder, which is gone",
};

function remove({ store, subject, flags, io }: StoreCall): Promise<number> {
  const form = store.remove(subject);
  const left = store.names().includes(subject) ? store.find(subject).place : null;
  if (flags.json) io.output.json({ name: subject, removed: true, form, left });
  else {
    io.output.line(`${subject}: ${removals[form](io.program)}`);
    if (left !== null) io.output.note(`${left} has the same name and is still there`);
  }
  return Promise.resolve(0);
}

function stats({ store, flags, io }: StoreCall): Promise<number> {
  const all = statsOf(store);
  if (flags.json) {
    io.output.json(all);
    return Promise.resolve(0);
  }
  const rows = [
    ["archives as objects", String(all.archives), formatBytes(all.archive_bytes)],
    ["objects that they need", String(all.objects - all.unneeded), formatBytes(all.object_bytes - all.unneeded_bytes)],
    ["of these shared", String(all.shared), formatBytes(all.shared_bytes)],
    ["objects nobody needs", String(all.unneeded), formatBytes(all.unneeded_bytes)],
    ["archives as whole files", String(all.whole), formatBytes(all.whole_bytes)],
    ["in quarantine", String(all.quarantined), ""],
    ["damaged references", String(all.damaged_references), ""],
    ["saved", `${(100 * all.saved).toFixed(1)} %`, ""],
  ];
  for (const line of formatTable(rows, "lrr")) io.output.line(line);
  return Promise.resolve(0);
}

async function collect({ store, flags, io, pause }: StoreCall): Promise<number> {
  const started = performance.now();
  const result = await store.collect({ grace_ms: flags.grace, isDry: flags.dryRun }, pause);
  const elapsed_ms = Math.round(performance.now() - started);
  if (flags.json) {
    io.output.json({ ...result, dry_run: flags.dryRun, elapsed_ms });
    return 0;
  }
  const { objects, deleted, deleted_bytes, young } = result;
  const verb = flags.dryRun ? "would be deleted" : "deleted";
  io.output.line(`${deleted} of ${formatCounted(objects, "object")} ${verb}: ${formatBytes(deleted_bytes)}`);
  if (young > 0) io.output.line(`${formatCounted(young, "more object")} not needed, but younger than the grace`);
  return 0;
}
