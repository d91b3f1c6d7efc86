// Who may import whom.
import { posix } from "node:path";
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isStringLiteral,
  type Node,
  SyntaxKind,
} from "typescript/unstable/ast";
import { at, nodesOf, type Project, type ProjectFile, type Rule } from "./project.ts";

/** The document whose table lists the rooms from the top to the bottom: a room imports from those below it. */
const ROOMS_DOCUMENT = "ARCHITECTURE.md";
const coreMayUse = ["core", "errors"];

/** A room as the document lists it: `src/core`, `src/errors.ts`. */
interface ListedRoom {
  readonly path: string;
  readonly line: number;
}

interface Import {
  readonly node: Node;
  readonly from: string;
}

/** Every module a file names: imports, re-exports, lazy imports, types and require. */
export function importsOf(file: ProjectFile): Import[] {
  const found: Import[] = [];
  for (const node of nodesOf(file.tree)) {
    const specifier = specifierOf(node);
    if (specifier !== undefined && isStringLiteral(specifier)) found.push({ node: specifier, from: specifier.text });
  }
  return found;
}

function specifierOf(node: Node): Node | undefined {
  if (isImportDeclaration(node) || isExportDeclaration(node)) return node.moduleSpecifier;
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument)) return node.argument.literal;
  if (!isCallExpression(node)) return undefined;
  const callee = node.expression;
  const isLoad = callee.kind === SyntaxKind.ImportKeyword || callee.getText() === "require";
  return isLoad ? node.arguments[0] : undefined;
}

/** The rooms in the first column of the table, in their order. */
function listedRooms({ documents }: Project): ListedRoom[] {
  const text = documents.find(({ path }) => path === ROOMS_DOCUMENT)?.text ?? "";
  return text.split("\n").flatMap((row, i) => {
    const [, first] = row.startsWith("| [src/") ? row.split("|") : [];
    return [...(first ?? "").matchAll(/\]\((src\/[^)]+)\)/g)].map(([, path]) => ({ path: path!, line: i + 1 }));
  });
}

/** "src/core/walk.ts" is in the room core, "src/errors.ts" is a room of its own. */
function roomOf(path: string): string {
  return path.split("/")[1]!.replace(/\.d\.ts$|\.ts$/, "");
}

function backendOf(path: string): string | undefined {
  return /^src\/storage\/([^/]+)\//.exec(path)?.[1];
}

/** What is wrong with an import; undefined when nothing is. */
function objection(rooms: readonly string[], path: string, from: string): string | undefined {
  const room = roomOf(path);
  if (!from.startsWith(".")) return room === "core" ? `core imports no package, not even ${from}` : undefined;
  const target = posix.join(posix.dirname(path), from);
  if (target === "package.json") return undefined;
  if (!target.startsWith("src/")) return `${from} is outside of src`;
  const targetRoom = roomOf(target);
  if (!rooms.includes(targetRoom)) return `${targetRoom} is no room of src`;
  if (room === "core" && !coreMayUse.includes(targetRoom))
    return `core imports only core and errors, not ${targetRoom}`;
  if (rooms.indexOf(targetRoom) < rooms.indexOf(room)) return `${room} imports up, from ${targetRoom}`;
  const [own, other] = [backendOf(path), backendOf(target)];
  if (own !== undefined && other !== undefined && own !== other) return `backend ${own} knows of backend ${other}`;
  return undefined;
}

export const importRules: readonly Rule[] = [
  {
    name: "imports go down the list of rooms, never up",
    find: (project) => {
      const rooms = listedRooms(project).map(({ path }) => roomOf(path));
      return project.files
        .filter((file) => file.path.startsWith("src/"))
        .flatMap((file) => {
          if (!rooms.includes(roomOf(file.path))) return [`${file.path}:1 ${roomOf(file.path)} is no room of src`];
          return importsOf(file).flatMap(({ node, from }) => {
            const problem = objection(rooms, file.path, from);
            return problem === undefined ? [] : [`${at(file, node)} ${problem}`];
          });
        });
    },
  },
  {
    name: "every room that is listed is there",
    find: (project) =>
      listedRooms(project)
        .filter(({ path: room }) => !project.paths.some((path) => path === room || path.startsWith(`${room}/`)))
        .map(({ path, line }) => `${ROOMS_DOCUMENT}:${line} ${path} is not there`),
  },
  {
    name: "an index.ts only re-exports",
    find: ({ files }) =>
      files
        .filter((file) => /^src\/.*\/index\.ts$/.test(file.path))
        .flatMap((file) =>
          file.tree.statements
            .filter((statement) => !(isExportDeclaration(statement) && statement.moduleSpecifier !== undefined))
            .map((statement) => `${at(file, statement)} an index.ts only re-exports`),
        ),
  },
];
