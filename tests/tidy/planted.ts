// A project in which every rule is broken: what the rules must find in it, and nothing else.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const longBody = "  void 0;\n".repeat(70);

const rooms = ["main.ts", "cli", "gone", "jobs", "storage", "archive", "core"].map(
  (room) => `| [src/${room}](src/${room}) |`,
);

const files: Readonly<Record<string, string>> = {
  "tsconfig.json": `{ "compilerOptions": { "noEmit": true, "allowImportingTsExtensions": true }, "include": ["src", "tests"] }`,
  "stray.txt": "",
  "README.md": `# Planted\n\n${"TO"}DO: write it\n`,
  "ARCHITECTURE.md": `${rooms.join("\n")}\n| [src/config.ts](src/config.ts), [src/errors.ts](src/errors.ts) |\n`,
  "src/main.ts": `import "./core/good.ts";\nprocess.exitCode = 0;\n`,
  "src/config.ts": `export const home = process.env.HOME;\n`,
  "src/errors.ts": `export const errors = {};\n`,
  "src/util/helper.ts": `export const helper = 1;\n`,
  "src/core/good.ts": `import { errors } from "../errors.ts";\n/** Documented. */\nexport function good(process: number) {\n  return [errors, { Date: 1 }, new Bun.CryptoHasher("sha256")];\n}\n`,
  "src/core/Bad_Name.ts": `export const name = "bad";\n`,
  "src/core/imports.ts": `import "../config.ts";\nexport * from "../archive/reader.ts";\nconst lazy = import("../main.ts");\nimport "fzstd";\nimport "../../tests/outside.ts";\n`,
  "src/core/impure.ts": `const now = Date.now();\nconst chance = Math.random();\nconst file = Bun.file("x");\n`,
  "src/core/undocumented.ts": `export function plain() {}\nexport const arrow = () => 1;\nfunction listed() {}\nexport { listed };\n// A comment is no docstring.\nexport async function commented() {}\n`,
  "src/archive/reader.ts": `/** Reads. */\nexport function read(value: any) {\n  // @ts-ignore\n  return value;\n}\n`,
  "src/archive/index.ts": `export * from "./reader.ts";\nexport const more = 1;\n`,
  "src/cli/run.ts": `process.exit(1);\nconst { env } = process;\nconst home = Bun.env.HOME;\nimport { argv } from "node:process";\nconst mode = import.meta.env.MODE;\nif (globalThis.process) process.exitCode = 2;\n`,
  "src/storage/local/a.ts": `import "../cloud/b.ts";\n`,
  "src/storage/cloud/b.ts": `// ${"FIX"}ME\nexport const b = 1;\n`,
  "src/jobs/long.ts": `function justRight() {\n${longBody.slice(20)}${"}"}\nfunction allowed() {\n${longBody}}\nfunction tooLong() {\n${longBody}}\n`,
  "src/jobs/up.ts": `import "./long.ts";\nimport "../archive/reader.ts";\nimport "../cli/run.ts";\n`,
  "tests/outside.ts": `const anything: any = process.env;\n`,
};

/** By a piece of each rule's name: where its findings start. */
export const expected: Readonly<Record<string, readonly string[]>> = {
  "imports go down": [
    "src/core/imports.ts:1 core imports only core and errors, not config",
    "src/core/imports.ts:2 core imports only core and errors, not archive",
    "src/core/imports.ts:3 core imports only core and errors, not main",
    "src/core/imports.ts:4 core imports no package, not even fzstd",
    "src/core/imports.ts:5 ../../tests/outside.ts is outside of src",
    "src/jobs/up.ts:3 jobs imports up, from cli",
    "src/storage/local/a.ts:1 backend local knows of backend cloud",
    "src/util/helper.ts:1 util is no room of src",
  ],
  "every room that is listed": ["ARCHITECTURE.md:3 src/gone is not there"],
  "index.ts": ["src/archive/index.ts:2 "],
  environment: [
    "src/cli/run.ts:4 use the global",
    "src/cli/run.ts:2 write process.member",
    "src/cli/run.ts:3 Bun.env",
    "src/cli/run.ts:6 write process.member",
    "src/cli/run.ts:5 import.meta.env",
  ],
  "place that exits": ["src/cli/run.ts:1 process.exit ", "src/cli/run.ts:6 process.exitCode "],
  "core is pure": [
    "src/core/impure.ts:1 core is pure: no Date",
    "src/core/impure.ts:2 core is pure: no Math.random",
    "src/core/impure.ts:3 core is pure: no Bun.file",
  ],
  "a function has": [
    "src/jobs/long.ts:143 tooLong has 72 lines",
    "tests/tidy/sizes.ts:1 src/jobs/long.ts#gone is not long",
  ],
  "stray files": ["stray.txt:1 "],
  "kebab-case": ["src/core/Bad_Name.ts:1 "],
  "no any": ["src/archive/reader.ts:2 any", "src/archive/reader.ts:3 @ts-ignore"],
  docstring: [
    "src/core/undocumented.ts:1 plain",
    "src/core/undocumented.ts:2 arrow",
    "src/core/undocumented.ts:3 listed",
    "src/core/undocumented.ts:6 commented",
  ],
  unfinished: ["src/storage/cloud/b.ts:1 ", "README.md:3 "],
};

/** Functions that the planted project lets be long: one that is, and one that is gone. */
export const allowedLong = { "src/jobs/long.ts#allowed": "a reason", "src/jobs/long.ts#gone": "a reason" };

/** Writes the broken project into a folder. */
export function plant(folder: string): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
