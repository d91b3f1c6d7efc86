// A fake of doctl: it keeps droplets in a file, as the real one keeps them at DigitalOcean, and notes every call. Only
// what scripts/spawn_workers.sh and scripts/manage_pool.sh ask of it is there.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const script = `#!/bin/sh
# A fake of doctl, for tests.
set -eu
state="$FAKE_DOCTL"
printf '%s\\n' "--" "$@" >>"$state/calls"
# What every user of this machine can read of all processes.
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>"$state/processes" || true
if [ -e "$state/refuse" ]; then echo "Error: 401 Unable to authenticate you" >&2; exit 1; fi
case "$1 $2 $3" in
  "compute droplet create")
    shift 3
    names="" tag=""
    while [ $# -gt 0 ]; do
      case "$1" in
        --user-data-file) cp "$2" "$state/user-data-$(ls "$state" | wc -l)"; ls -l "$2" >>"$state/modes"; shift ;;
        --tag-names) tag="$2"; shift ;;
        --no-header) ;;
        --*) shift ;;
        *) names="$names $1" ;;
      esac
      shift
    done
    made=""
    for name in $names; do
      if [ -e "$state/most" ] && [ "$(wc -l <"$state/droplets")" -ge "$(cat "$state/most")" ]; then
        echo "Error: POST droplets: 422 this will exceed your droplet limit" >&2
        exit 1
      fi
      number=$(($(cat "$state/last") + 1))
      echo "$number" >"$state/last"
      echo "$number $name active $tag" >>"$state/droplets"
      made="$made$number    $name    new\\n"
    done
    printf "$made"
    ;;
  "compute droplet list")
    awk -v tag="$5" '$4 == tag { print $1 "    " $2 "    " $3 }' "$state/droplets"
    # Who has asked a droplet to shut down sees it on for a while.
    asked=" $(tr '\\n' ' ' <"$state/asked")"
    awk -v asked="$asked" 'index(asked, " " $1 " ") { $3 = "off" } { print }' "$state/droplets" >"$state/rest"
    mv "$state/rest" "$state/droplets"
    ;;
  "compute droplet delete")
    if [ -e "$state/keeps" ] && [ "$(cat "$state/keeps")" = "$4" ]; then echo "Error: 500" >&2; exit 1; fi
    awk -v id="$4" '$1 != id' "$state/droplets" >"$state/rest"
    mv "$state/rest" "$state/droplets"
    ;;
  "compute droplet-action shutdown")
    if [ -e "$state/hangs" ]; then exit 1; fi
    if [ ! -e "$state/deaf" ]; then echo "$4" >>"$state/asked"; fi
    ;;
  *) echo "Error: unknown command" >&2; exit 1 ;;
esac
`;

/** One fake of doctl with its droplets. */
export class FakeDoctl {
  readonly path: string;

  constructor(readonly folder: string) {
    mkdirSync(folder);
    this.path = join(folder, "fake-doctl");
    writeFileSync(this.path, script, { mode: 0o755 });
    writeFileSync(join(folder, "last"), "410000000\n");
    this.setDroplets([]);
  }

  /** The environment that makes the scripts call it. */
  get env(): Record<string, string> {
    return { DOCTL: this.path, FAKE_DOCTL: this.folder, FOLD_PAUSE: "0" };
  }

  /** Lines "ID NAME STATUS TAG". */
  get droplets(): string[] {
    return this.read("droplets").split("\n").filter(Boolean);
  }

  /** Every call so far, as its arguments. */
  get calls(): string[][] {
    const calls: string[][] = [];
    for (const line of this.read("calls").split("\n").slice(0, -1)) {
      if (line === "--") calls.push([]);
      else calls.at(-1)?.push(line);
    }
    return calls;
  }

  /** The user-data of each call that created droplets. */
  get userData(): string[] {
    const files = readdirSync(this.folder).filter((name) => name.startsWith("user-data-"));
    return files.sort((a, b) => Number(a.slice(10)) - Number(b.slice(10))).map((name) => this.read(name));
  }

  setDroplets(lines: readonly string[]): void {
    writeFileSync(join(this.folder, "asked"), "");
    writeFileSync(join(this.folder, "droplets"), lines.map((line) => `${line}\n`).join(""));
  }

  /**
   * Lets what follows fail: "refuse" every call, "hangs" for shutdowns, "deaf" for droplets that go on all the same;
   * with a number, "most" droplets that there may be, or one that it "keeps".
   */
  let(what: "refuse" | "hangs" | "deaf" | "most" | "keeps", number = 0): void {
    writeFileSync(join(this.folder, what), `${number}\n`);
  }

  /** A file that it has written, empty where there is none. */
  read(name: string): string {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, "latin1") : "";
  }
}
