import { cli, command } from "cleye";
import { environment } from "../config.ts";
import { exitCodes, FoldError } from "../errors.ts";
import type { CommandArguments, CommandDefinition, CommandIo } from "./command.ts";
import { definitions, helpTopics } from "./definitions.ts";
import { nearest } from "./nearest.ts";
import type { Output } from "./output.ts";
import { formatTable, wrap } from "./text.ts";

const help = { type: Boolean, alias: "h", description: "show this help" } as const;

/** `fold help [TOPIC]`. */
export function execute({ parameters }: CommandArguments, io: CommandIo): Promise<number> {
  const [topic] = parameters;
  const definition = definitions.find(({ name }) => name === topic);
  if (topic === undefined) overview(io);
  else if (definition !== undefined) helpOnCommand(definition, io);
  else if (topic === "environment") helpOnEnvironment(io);
  else if (topic === "exit-codes") helpOnExitCodes(io);
  else if (topic === "formatting") helpOnFormatting(io);
  else throw unknownTopic(topic, io.program);
  return Promise.resolve(0);
}

function unknownTopic(topic: string, program: string): FoldError {
  const near = nearest(topic, [...definitions.map(({ name }) => name), ...helpTopics]);
  const hint = near === null ? `\`${program} help\` lists the topics` : `did you mean \`${program} help ${near}\`?`;
  return new FoldError("usage", `there is no help on ${topic}`, hint);
}

/** Prints as all results are printed: cleye writes to the console, which does not tell when nothing could be written. */
function printHelp(show: () => void, output: Output): void {
  const { log } = console;
  console.log = (text: string) => output.line(text);
  try {
    show();
  } finally {
    console.log = log;
  }
}

function overview(io: CommandIo): void {
  const { program, output } = io;
  const commands = definitions.map(({ name, summary }) => command({ name, help: { description: summary } }));
  const parsed = cli(
    {
      name: program,
      commands,
      flags: { help, version: { type: Boolean, description: "print version, commit, Bun version and target" } },
      help: {
        description: "Finds every ortho of a text and keeps what it found.",
        usage: `${program} COMMAND [options]`,
        examples: [
          `${program} run book.txt`,
          `${program} show ${io.config.stateDir}/archives/book.tar.zst`,
          `${program} help run`,
        ],
        render: (nodes, renderers) => {
          renderers.bold = (text) => output.style("bold", text);
          const topics = `Help on more: ${helpTopics.map((topic) => `${program} help ${topic}`).join(", ")}`;
          // The first node is the bare name, which usage repeats.
          return [...renderers.render(nodes.filter(({ id }) => id !== "name")).split("\n"), topics].join("\n");
        },
      },
    },
    undefined,
    [],
  );
  printHelp(parsed.showHelp, output);
}

function helpOnCommand(definition: CommandDefinition, { program, output }: CommandIo): void {
  const { name, summary, about, parameters, flags, examples } = definition;
  const keys = Object.keys(flags);
  const described = Object.entries(flags).map(([key, { type, description, placeholder, shown }]) => {
    const text = shown === null ? description : `${description} (default: ${shown})`;
    return [key, { type, description: text, ...(placeholder === null ? {} : { placeholder }) }] as const;
  });
  const aboutLines = about === undefined ? [] : ["", ...wrap(output.named(about), output.columns)];
  const parsed = cli(
    {
      name: `${program} ${name}`,
      flags: { ...Object.fromEntries(described), help },
      help: {
        description: [`${summary[0].toUpperCase()}${summary.slice(1)}.`, ...aboutLines].join("\n"),
        usage: [program, name, keys.length > 0 ? "[options]" : "", parameters].filter(Boolean).join(" "),
        examples: formatTable(
          examples.map(([args, what]) => [`${program} ${args.replaceAll("{program}", program)}`, what]),
        ),
        render: (nodes, renderers) => {
          renderers.bold = (text) => output.style("bold", text);
          const wanted = nodes.filter(({ id }) => id !== "name");
          // cleye sorts options by name; ours stand in the order of their weight.
          const rows = wanted.find(({ id }) => id === "flags")?.data.body.data.tableData as FlagRow[] | undefined;
          rows?.sort(([a], [b]) => placeOf(a.data.name) - placeOf(b.data.name));
          return renderers.render(wanted).trimEnd();
        },
      },
    },
    undefined,
    [],
  );
  const placeOf = (key: string) => (keys.includes(key) ? keys.indexOf(key) : keys.length);
  printHelp(parsed.showHelp, output);
}

type FlagRow = [{ readonly data: { readonly name: string } }];

function helpOnEnvironment({ output }: CommandIo): void {
  output.line("Environment variables. Options on the command line go before them.");
  output.line();
  for (const { name, initial, meaning } of environment) {
    output.line(`  ${output.style("bold", name)}`);
    for (const line of wrap(`${meaning} (default: ${initial})`, output.columns - 6)) output.line(`      ${line}`);
  }
}

function helpOnExitCodes({ output }: CommandIo): void {
  output.line("Exit codes of every command:");
  output.line();
  const rows = exitCodes.map(({ exit, meaning }) => [`  ${exit}`.padStart(5), meaning]);
  for (const line of formatTable(rows, "rl")) output.line(line);
  output.line();
  output.line('With --json an error is also one object on stdout: {"error": {code, message, hint}}.');
}

const formatting = `From text to sentences
  A text is UTF-8; other bytes are an error that says where. It is normalised to NFC. A blank line ends a
  paragraph; each of . ? ; ! , ends a sentence. What is neither a letter, white space nor ' counts as a space;
  words are lower-cased. A typographic apostrophe between two letters becomes '.

Orthos
  An ortho is a box of words, two or more along each of two or more axes. Every line along an axis, read from
  the origin, is a phrase: a run of words inside one sentence. No two cells at the same distance from the origin
  hold the same word. Boxes that differ only in the order of their axes are one ortho.

  all the readers
  his case of          rows and columns are all phrases

Canonical lines (export)
  The dims joined by x, a tab, the words in row-major order joined by spaces, a line feed:
  2x3<TAB>all the readers his case of
  Dims ascend; of the orders that this leaves, the one whose words come first by their UTF-8 bytes.
  The digest of a set is the SHA-256 of its lines sorted by bytes: export A | LC_ALL=C sort | sha256sum

Numbers
  Volume is the product of (length - 1) over the axes, cells the product of the lengths. The optimal ortho has
  the greatest volume; among those most cells, then the first dims, then the first words.`;

function helpOnFormatting({ output }: CommandIo): void {
  for (const line of formatting.split("\n")) output.line(line);
}
