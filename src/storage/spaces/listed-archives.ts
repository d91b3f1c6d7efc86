import { join } from "node:path";
import { FoldError } from "../../errors.ts";
import { fetchedInterner } from "../fetched-interner.ts";
import type { ArchiveEntry } from "../port.ts";
import { keyPart } from "./keys.ts";
import type { ArchiveObject, ResultArchives } from "./result-archives.ts";

/** An archive under the name that it is listed by. */
interface Named {
  readonly name: string;
  readonly object: ArchiveObject;
}

/**
 * The archives of a bucket as a storage lists them: equal ones once, and another one of the same name with a number. Who
 * came first is told by the keys, so everybody finds the same numbers.
 */
export class ListedArchives {
  constructor(private readonly archives: ResultArchives) {}

  async all(): Promise<ArchiveEntry[]> {
    return numbered(await this.archives.all())
      .map(entryOf)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** An archive that was uploaded, with the number that others of its name leave it. */
  async listed(entry: ArchiveEntry): Promise<ArchiveEntry> {
    const found = (await this.around(entry.name)).find(({ object: { facts } }) => {
      return facts.tar_sha256 === entry.tar_sha256 && facts.name === entry.name;
    });
    return found === undefined ? entry : entryOf(found);
  }

  /** See Storage.openArchive. */
  async open(name: string, folder: string): Promise<string> {
    const path = join(folder, `${crypto.randomUUID()}.tar.zst`);
    await this.archives.fetch(await this.find(name), path);
    return path;
  }

  /** See Storage.readInterner. */
  async interner(name: string): Promise<Uint8Array> {
    const object = await this.find(name);
    return await fetchedInterner(name, (path) => this.archives.fetch(object, path));
  }

  private async find(name: string): Promise<ArchiveObject> {
    // A number behind the name may be ours. Who has it from the start comes first.
    const bases = name === "" ? [] : [name, name.replace(/\.\d+$/, "")];
    for (const base of new Set(bases)) {
      const found = (await this.around(base)).find((one) => one.name === name);
      if (found !== undefined) return found.object;
    }
    const hint = "`fold status --storage-backend spaces` lists them";
    throw new FoldError("not_found", `there is no archive ${JSON.stringify(name)}`, hint);
  }

  /** Those of a name, and those that have one of its numbers from the start: the former give way to them. */
  private async around(name: string): Promise<Named[]> {
    const part = keyPart(name);
    const isNumber = (other: string) => other.startsWith(`${part}.`) && /^\d+$/.test(other.slice(part.length + 1));
    const own = await this.archives.inKeys(`${part}.`, isNumber);
    const named = await this.archives.inKeys(`${part}_`, (other) => other === part);
    return numbered([...own, ...named]);
  }
}

/** Each content once, under a name that no other has; in the order of the keys. */
function numbered(objects: readonly ArchiveObject[]): Named[] {
  const named = new Map<string, Named>();
  const contents = new Set<string>();
  for (const object of objects) {
    const { name, tar_sha256 } = object.facts;
    const content = `${tar_sha256} ${name}`;
    if (contents.has(content)) continue;
    contents.add(content);
    let free = name;
    for (let number = 2; named.has(free); number++) free = `${name}.${number}`;
    named.set(free, { name: free, object });
  }
  return [...named.values()];
}

function entryOf({ name, object }: Named): ArchiveEntry {
  const { orthos, lineage, options, sentences_bytes, tar_sha256 } = object.facts;
  return { name, orthos, lineage, options, size_bytes: object.size_bytes, sentences_bytes, tar_sha256 };
}
