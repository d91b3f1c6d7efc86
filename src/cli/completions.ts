import { FoldError } from "../errors.ts";
import type { CommandArguments, CommandIo } from "./command.ts";
import { definitions } from "./definitions.ts";
import { typedOptions } from "./flags.ts";

/** `fold completions SHELL`. */
export function execute({ parameters }: CommandArguments, { output, program }: CommandIo): Promise<number> {
  const writers: Readonly<Record<string, (program: string) => string>> = { bash, zsh, fish };
  const [shell] = parameters;
  if (!Object.hasOwn(writers, shell)) {
    throw new FoldError("usage", `there are no completions for ${shell}`, "give bash, zsh or fish");
  }
  // In the scripts the name stands where a shell reads words: one that would have to be quoted is refused.
  if (!/^[A-Za-z0-9][A-Za-z0-9_.+@-]*$/.test(program)) {
    const hint = "give the program a name of letters, digits, dots and dashes, for instance by a symlink";
    throw new FoldError("usage", `there are no completions for a program called ${program}`, hint);
  }
  output.line(writers[shell](program).trimEnd());
  return Promise.resolve(0);
}

/** A name that may stand in the name of a shell function. */
function functionName(program: string): string {
  return `_${program.replace(/[^A-Za-z0-9]/g, "_")}`;
}

/** A text between single quotes, as every one of the shells reads it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function bash(program: string): string {
  const name = `${functionName(program)}_complete`;
  const commands = definitions.map((definition) => definition.name).join(" ");
  const cases = definitions.map((definition) => {
    const options = typedOptions(definition.flags);
    const values = options.flatMap(({ name: option, takesValue, path, choices }) => {
      if (!takesValue) return [];
      return [`        ${option}) ${path === null ? `words="${choices.join(" ")}"` : `files=${path}`} ;;`];
    });
    const words = [...options.map((option) => option.name), "--help"].join(" ");
    return `    ${definition.name})
      case "$previous" in
${[...values, `        *) options="${words}"; ${argumentsInBash(definition.choices)} ;;`].join("\n")}
      esac ;;`;
  });
  return `# ${program} completions for bash
${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words="" options="" files=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  case "$current" in -*) words="$options"; files="" ;; esac
  if [ -n "$files" ]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    if [ "$files" = folder ]; then COMPREPLY=($(compgen -d -- "$current"))
    else COMPREPLY=($(compgen -f -- "$current")); fi
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F ${name} ${program}
`;
}

function argumentsInBash(choices: readonly string[] | undefined): string {
  return choices === undefined ? "files=file" : `words="${choices.join(" ")}"`;
}

/** A text inside an argument of _arguments, where brackets and colons have a meaning. */
function zshText(text: string): string {
  return text.replace(/[[\]:\\]/g, "\\$&");
}

function zsh(program: string): string {
  const name = functionName(program);
  const commands = definitions.map((definition) => {
    return `    ${quoted(`${definition.name}:${zshText(definition.summary)}`)}`;
  });
  const cases = definitions.map((definition) => {
    const options = typedOptions(definition.flags).map(({ name: option, description, takesValue, path, choices }) => {
      const what = `[${zshText(description)}]`;
      if (!takesValue) return quoted(`${option}${what}`);
      const values = path === null ? `(${choices.join(" ")})` : path === "folder" ? "_files -/" : "_files";
      return quoted(`${option}${what}:value:${values}`);
    });
    const rest = definition.choices === undefined ? "_files" : `(${definition.choices.join(" ")})`;
    const all = [...options, quoted("--help[show help]"), quoted(`*:argument:${rest}`)];
    return `    ${definition.name}) _arguments ${all.join(" \\\n      ")} ;;`;
  });
  return `#compdef ${program}
# ${program} completions for zsh
${name}() {
  local -a commands
  commands=(
${commands.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command="\${words[2]}"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join("\n")}
  esac
}
# Loaded through $fpath, the file is the function's own body; sourced, it only makes it known.
if [ "\${funcstack[1]}" = ${quoted(name)} ]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`;
}

function fish(program: string): string {
  const first = "__fish_use_subcommand";
  const lines = [
    `# ${program} completions for fish`,
    `complete -c ${program} -n ${first} -f`,
    `complete -c ${program} -n ${first} -l version -d 'print the version'`,
    `complete -c ${program} -s h -l help -d 'show help'`,
  ];
  for (const definition of definitions) {
    lines.push(`complete -c ${program} -n ${first} -a ${definition.name} -d ${quoted(definition.summary)}`);
    const here = `-n '__fish_seen_subcommand_from ${definition.name}'`;
    if (definition.choices !== undefined) {
      lines.push(`complete -c ${program} ${here} -f -a ${quoted(definition.choices.join(" "))}`);
    }
    for (const { name, description, takesValue, path, choices } of typedOptions(definition.flags)) {
      const value = path !== null ? " -r -F" : takesValue ? ` -x -a ${quoted(choices.join(" "))}` : "";
      lines.push(`complete -c ${program} ${here} -l ${name.slice(2)}${value} -d ${quoted(description)}`);
    }
  }
  return lines.join("\n");
}
