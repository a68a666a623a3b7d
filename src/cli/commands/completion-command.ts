/** `bunbond completion`: prints a script with which a shell completes commands, flags and values. */
import { readOneOf } from "../flags/values.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import type { CommandCompletion } from "../program/completion.ts";
import { completionScript, SHELLS } from "../program/completion-scripts.ts";
import { EXIT_OK } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";

const definition = {
  meta: {
    name: "completion",
    description:
      "Print a script with which a shell completes the commands, flags and values of bunbond. It completes without starting the program, so print it again after an upgrade.",
  },
  words: {
    valueHint: SHELLS.join("|"),
    description: "The shell.",
    example: "bash",
  },
  args: {},
} satisfies CommandDefinition;

/** `known` returns what can be completed, this command included. */
export function completionCommand(known: () => readonly CommandCompletion[]): Command {
  return {
    definition,
    examples: [
      { comment: "Write this to /etc/bash_completion.d/bunbond", line: "bunbond completion bash" },
      {
        comment: "Write this to /usr/local/share/zsh/site-functions/_bunbond",
        line: "bunbond completion zsh",
      },
      { comment: "Write this to /etc/fish/completions/bunbond.fish", line: "bunbond completion fish" },
    ],
    async run({ rawArgs, io }) {
      const {
        words: [shell = ""],
      } = parseArguments(definition, rawArgs);
      io.stdout.write(completionScript(readOneOf(definition.words.valueHint, shell, SHELLS), known()));
      return EXIT_OK;
    },
  };
}
