// Names of files, words in comments, and what the compiler must not be told to overlook.
import {
  isExportDeclaration,
  isFunctionDeclaration,
  isFunctionLikeDeclaration,
  isNamedExports,
  isVariableStatement,
  type Node,
  type Statement,
  SyntaxKind,
} from "typescript/unstable/ast";
import { at, nodesOf, type ProjectFile, type Rule } from "./project.ts";

const topLevel = [
  ...["package.json", "package-lock.json", "bunfig.toml", "biome.json", "tsconfig.json"],
  ...["src", "drizzle", "scripts", "tests", "dist", "node_modules", "fold_state"],
  ...["README.md", "ARCHITECTURE.md", "FORMAT.md", "CHANGELOG.md", "LICENSE"],
];

// Taken apart so that the rule does not find itself.
const unfinished = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME"].join("|")})\\b`);
const overlook = /@ts-(ignore|nocheck|expect-error)\b/;
// Names that were given from outside: people call these scripts by them.
const givenNames = ["README.md", "spawn_workers.sh", "manage_pool.sh"];
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;

function linesMatching(path: string, text: string, pattern: RegExp): string[] {
  return text.split("\n").flatMap((line, i) => {
    const match = pattern.exec(line);
    return match === null ? [] : [`${path}:${i + 1} ${match[0]}`];
  });
}

function isSource(file: ProjectFile): boolean {
  return file.path.startsWith("src/");
}

function isExported(statement: Statement): boolean {
  const modifiers = "modifiers" in statement ? (statement.modifiers as readonly Node[] | undefined) : undefined;
  return modifiers?.some(({ kind }) => kind === SyntaxKind.ExportKeyword) ?? false;
}

/** Names in `export { a, b }` of a file's own declarations. */
function listedExports(file: ProjectFile): string[] {
  return file.tree.statements.flatMap((statement) => {
    if (!isExportDeclaration(statement) || statement.moduleSpecifier !== undefined) return [];
    const clause = statement.exportClause;
    if (clause === undefined || !isNamedExports(clause)) return [];
    return clause.elements.map((element) => (element.propertyName ?? element.name).getText());
  });
}

/** The names of the functions that a top-level statement declares. */
function functionsIn(statement: Statement): string[] {
  if (isFunctionDeclaration(statement)) return [statement.name?.getText() ?? "default"];
  if (!isVariableStatement(statement)) return [];
  return statement.declarationList.declarations
    .filter(({ initializer }) => initializer !== undefined && isFunctionLikeDeclaration(initializer))
    .map(({ name }) => name.getText());
}

function undocumented(file: ProjectFile): string[] {
  const listed = listedExports(file);
  return file.tree.statements.flatMap((statement) => {
    const exported = functionsIn(statement).filter((name) => isExported(statement) || listed.includes(name));
    if (exported.length === 0 || (statement.jsDoc?.length ?? 0) > 0) return [];
    return [`${at(file, statement)} ${exported.join(", ")} is exported and has no docstring`];
  });
}

export const nameRules: readonly Rule[] = [
  {
    name: "no stray files at the top",
    find: (project) =>
      project.topLevel
        .filter((name) => !name.startsWith(".") && !topLevel.includes(name))
        .map((name) => `${name}:1 does not belong at the top`),
  },
  {
    name: "files and folders are named in kebab-case",
    find: ({ paths }) =>
      paths
        .filter((path) => !path.split("/").every((part) => kebabCase.test(part) || givenNames.includes(part)))
        .map((path) => `${path}:1 is not kebab-case`),
  },
  {
    name: "no any and no overlooked error in src",
    find: ({ files }) =>
      files
        .filter(isSource)
        .flatMap((file) => [
          ...[...nodesOf(file.tree)]
            .filter(({ kind }) => kind === SyntaxKind.AnyKeyword)
            .map((node) => `${at(file, node)} any`),
          ...linesMatching(file.path, file.text, overlook),
        ]),
  },
  {
    name: "every function that core and archive export has a docstring",
    find: ({ files }) => files.filter(({ path }) => /^src\/(core|archive)\//.test(path)).flatMap(undocumented),
  },
  {
    name: "nothing is left unfinished",
    find: ({ files, documents }) =>
      [...files, ...documents].flatMap(({ path, text }) => linesMatching(path, text, unfinished)),
  },
];
