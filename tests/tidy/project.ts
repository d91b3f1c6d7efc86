// Reads the project's TypeScript files and their syntax trees, for the style rules to look at.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Node, SourceFile } from "typescript/unstable/ast";
// The synchronous twin of this interface needs parts of Node that Bun does not have.
import { API } from "typescript/unstable/async";

export interface ProjectFile {
  /** Relative to the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: SourceFile;
}

export interface Project {
  /** Names in the root folder. */
  readonly topLevel: readonly string[];
  /** Every file under src, scripts and tests, whatever its kind. */
  readonly paths: readonly string[];
  /** The .ts files among them. */
  readonly files: readonly ProjectFile[];
  /** The documents in the root folder. */
  readonly documents: readonly { readonly path: string; readonly text: string }[];
}

/** A rule of style: it lists what breaks it, each as "file:line what is wrong". */
export interface Rule {
  readonly name: string;
  find(project: Project): string[];
}

/** Loads the project in a folder that holds a tsconfig.json. */
export async function loadProject(root: string): Promise<Project> {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const folders = ["src", "scripts", "tests"].filter((folder) => existsSync(join(root, folder)));
  const paths = folders.flatMap((folder) => [...new Bun.Glob(`${folder}/**/*`).scanSync(root)]).sort();
  const topLevel = readdirSync(root).sort();
  const api = new API({ cwd: root });
  try {
    const snapshot = await api.updateSnapshot({ openProjects: [join(root, "tsconfig.json")] });
    const program = snapshot.getProjects()[0]!.program;
    const files: ProjectFile[] = [];
    for (const path of paths.filter((path) => path.endsWith(".ts"))) {
      const tree = await program.getSourceFile(join(root, path));
      if (tree === undefined) throw new Error(`${path} is outside of tsconfig.json`);
      files.push({ path, text: read(path), tree });
    }
    const documents = topLevel.filter((name) => name.endsWith(".md")).map((path) => ({ path, text: read(path) }));
    return { topLevel, paths, files, documents };
  } finally {
    await api.close();
  }
}

/** A node's first line, counted from 1, comments before it left out. */
export function lineOf(file: ProjectFile, node: Node): number {
  return file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1;
}

/** A node's last line, counted from 1. */
export function lastLineOf(file: ProjectFile, node: Node): number {
  return file.tree.getLineAndCharacterOfPosition(node.end).line + 1;
}

/** Every node of a tree, parents before their children. */
export function* nodesOf(node: Node): Generator<Node> {
  yield node;
  const children: Node[] = [];
  node.forEachChild((child) => {
    children.push(child);
    return undefined;
  });
  for (const child of children) yield* nodesOf(child);
}

/** Where a node is, as the start of a finding. */
export function at(file: ProjectFile, node: Node): string {
  return `${file.path}:${lineOf(file, node)}`;
}
