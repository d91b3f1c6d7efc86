import { basename } from "node:path";

/** What the program is called wherever it was not called by another name; errors and hints are written with it. */
const OWN_NAME = "fold";
/** A command of ours in a text for people, by its first backtick: `fold status`. */
const ownCommand = /`fold(?=[ `])/g;

/**
 * The name that the program was called by: an installation may have given it another, for `fold` is a POSIX utility, too.
 *
 * @param called what the caller says the program is: a name, a path, a login shell's name with a dash
 * @param isStandalone false where a runtime runs the sources, whose name says nothing
 * @example
 * programName("/home/ada/.local/bin/orthofold", true) // "orthofold"
 */
export function programName(called: string, isStandalone: boolean): string {
  const name = basename(called)
    .replace(/\.exe$/i, "")
    .replace(/^-+/, "");
  // Whoever calls it may say anything; what cannot be typed is no name.
  return isStandalone && /^[^\s\p{C}`]+$/u.test(name) ? name : OWN_NAME;
}

/**
 * A text for people, with the commands in it as they can be typed here. The rooms below know of no other name than
 * `fold`, and what is kept on disk or in a database may be read under another name: so it is put in at the very end.
 *
 * @example
 * withProgramName("`fold status` tells more", "orthofold") // "`orthofold status` tells more"
 */
export function withProgramName(text: string, program: string): string {
  return program === OWN_NAME ? text : text.replace(ownCommand, () => `\`${program}`);
}
