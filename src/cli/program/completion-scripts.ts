/**
 * Completion scripts for bash, zsh and fish. They are whole: completing never starts the program.
 *
 * All three find the command in the first word or two, and then look up: after a flag with a value, what that can be; else the flags,
 * if the word begins with a dash; else what the command's words can be.
 */
import type { CommandCompletion, Completion, FlagCompletion } from "./completion.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, commands: readonly CommandCompletion[]): string {
  switch (shell) {
    case "bash":
      return bashScript(commands);
    case "zsh":
      return zshScript(commands);
    case "fish":
      return fishScript(commands);
  }
}

/** The words that can come first. */
function firstWords(commands: readonly CommandCompletion[]): string[] {
  return [...new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""))];
}

/** Second words of commands, by the first: client → drain. */
function secondWords(commands: readonly CommandCompletion[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name } of commands) {
    const [first = "", second] = name.split(" ");
    if (second !== undefined) found.getOrInsertComputed(first, () => []).push(second);
  }
  return found;
}

/** A text in single quotes, for any of the shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function wordList(words: readonly string[]): string {
  return quoted(words.join(" "));
}

/** Branches of a `case` of POSIX: what to do after which flags; those that need the same stand together. */
function valueBranches(flags: readonly FlagCompletion[], act: (value: Completion) => string): string[] {
  return flags.flatMap(({ names, value }) =>
    value === null ? [] : [`        ${names.join("|")}) ${act(value)}; return ;;`],
  );
}

function flagNames(flags: readonly FlagCompletion[]): string[] {
  return flags.flatMap(({ names }) => names.filter((name) => name.startsWith("--")));
}

// --- bash -------------------------------------------------------------------------------------------

function bashScript(commands: readonly CommandCompletion[]): string {
  const twoWords = commands.filter(({ name }) => name.includes(" ")).map(({ name }) => quoted(name));
  const seconds = [...secondWords(commands)].map(
    ([first, words]) => `      ${first}) seconds=${wordList(words)} ;;`,
  );
  return `# bash completion for bunbond; load it by: source <(bunbond completion bash)
_bunbond_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
_bunbond_files() { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); }
_bunbond() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} first=2 seconds='' at
  COMPREPLY=()
  # "--flag=value" comes as three words.
  if [[ $cur == = ]]; then cur=''
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if ((COMP_CWORD == 1)); then
    _bunbond_words ${wordList([...firstWords(commands), "--help", "--version"])}
    return
  fi
  if ((COMP_CWORD == 2)) && [[ $cur != -* ]]; then
    case $command in
${seconds.join("\n")}
    esac
  fi
  case "$command \${COMP_WORDS[2]}" in
    ${twoWords.join("|")}) if ((COMP_CWORD > 2)); then command="$command \${COMP_WORDS[2]}" first=3; fi ;;
  esac
  at=$((COMP_CWORD - first))
  case $command in
${commands.map(bashCommand).join("\n")}
    *) _bunbond_words "$seconds" ;;
  esac
}
complete -F _bunbond bunbond
`;
}

function bashCommand({ name, flags, words }: CommandCompletion): string {
  const act = ({ words: values, isFile }: Completion): string =>
    isFile ? "_bunbond_files" : values.length === 0 ? ":" : `_bunbond_words ${wordList(values)}`;
  const branches = valueBranches(flags, act);
  const last = words.at(-1);
  const places = words.map((word, index) =>
    word === last ? `        *) ${positional(word)} ;;` : `        ${index}) ${positional(word)} ;;`,
  );
  return `    ${quoted(name)})
${branches.length === 0 ? "" : `      case $prev in\n${branches.join("\n")}\n      esac\n`}      if [[ $cur == -* ]]; then _bunbond_words ${wordList(flagNames(flags))}; return; fi
      case $at in
${places.length === 0 ? '        *) _bunbond_words "$seconds" ;;' : places.join("\n")}
      esac ;;`;

  function positional({ words: values, isFile }: Completion): string {
    return isFile ? "_bunbond_files" : `_bunbond_words "$seconds "${wordList(values)}`;
  }
}

// --- zsh --------------------------------------------------------------------------------------------

function zshScript(commands: readonly CommandCompletion[]): string {
  const twoWords = commands.filter(({ name }) => name.includes(" ")).map(({ name }) => quoted(name));
  const seconds = [...secondWords(commands)].map(
    ([first, words]) => `      ${first}) seconds=(${words.join(" ")}) ;;`,
  );
  return `#compdef bunbond
# zsh completion for bunbond; put it as _bunbond into a directory of $fpath, or load it by: source <(bunbond completion zsh)
_bunbond() {
  local cur=\${words[CURRENT]} prev=\${words[CURRENT-1]} command=\${words[2]} first=3 at
  local -a seconds
  if ((CURRENT == 2)); then
    compadd -- ${[...firstWords(commands), "--help", "--version"].join(" ")}
    return
  fi
  # "--flag=value" is one word here: what is left of "=" stays.
  if [[ $cur == --*=* ]]; then
    prev=\${cur%%=*}
    compset -P '*='
    cur=\${cur#*=}
  fi
  if ((CURRENT == 3)) && [[ $cur != -* ]]; then
    case $command in
${seconds.join("\n")}
    esac
  fi
  case "$command \${words[3]}" in
    ${twoWords.join("|")}) if ((CURRENT > 3)); then command="$command \${words[3]}" first=4; fi ;;
  esac
  at=$((CURRENT - first))
  case $command in
${commands.map(zshCommand).join("\n")}
    *) compadd -- $seconds ;;
  esac
}
if [[ \${funcstack[1]} == _bunbond ]]; then _bunbond "$@"; elif (($+functions[compdef])); then compdef _bunbond bunbond; fi
`;
}

function zshCommand({ name, flags, words }: CommandCompletion): string {
  const act = ({ words: values, isFile }: Completion): string =>
    isFile ? "_files" : values.length === 0 ? ":" : `compadd -- ${values.join(" ")}`;
  const branches = valueBranches(flags, act);
  const last = words.at(-1);
  const places = words.map((word, index) => {
    const positional = word.isFile ? "_files" : `compadd -- $seconds ${word.words.join(" ")}`;
    return `        ${word === last ? "*" : index}) ${positional} ;;`;
  });
  return `    ${quoted(name)})
${branches.length === 0 ? "" : `      case $prev in\n${branches.join("\n")}\n      esac\n`}      if [[ $cur == -* ]]; then compadd -- ${flagNames(flags).join(" ")}; return; fi
      case $at in
${places.length === 0 ? "        *) compadd -- $seconds ;;" : places.join("\n")}
      esac ;;`;
}

// --- fish -------------------------------------------------------------------------------------------

function fishScript(commands: readonly CommandCompletion[]): string {
  const twoWords = commands.filter(({ name }) => name.includes(" ")).map(({ name }) => fishQuoted(name));
  const lines = [
    "# fish completion for bunbond; load it by: bunbond completion fish | source",
    "function __bunbond_command",
    "  set -l words (commandline -opc)[2..]",
    "  set -l two (string join ' ' -- $words[1..2])",
    `  if contains -- "$two" ${twoWords.join(" ")}`,
    "    echo $two",
    "  else",
    '    echo "$words[1]"',
    "  end",
    "end",
    "function __bunbond_is",
    '  test (__bunbond_command) = "$argv[1]"',
    "end",
    "complete -c bunbond -f",
    ...firstWords(commands).map((word) => {
      const described = commands.find(({ name }) => name === word)?.description ?? "";
      return `complete -c bunbond -n '__bunbond_is ""' -a ${word} -d ${fishQuoted(described)}`;
    }),
    `complete -c bunbond -n '__bunbond_is ""' -l help -d 'Print help'`,
    `complete -c bunbond -n '__bunbond_is ""' -l version -d 'Print the version'`,
    ...[...secondWords(commands)].flatMap(([first, words]) =>
      words.map((word) => {
        const described = commands.find(({ name }) => name === `${first} ${word}`)?.description ?? "";
        const isSecond = `${fishIs(first)}; and test (count (commandline -opc)) -eq 2`;
        return `complete -c bunbond -n ${fishQuoted(isSecond)} -a ${word} -d ${fishQuoted(described)}`;
      }),
    ),
    ...commands.flatMap(fishCommand),
  ];
  return `${lines.join("\n")}\n`;
}

function fishIs(command: string): string {
  return `__bunbond_is ${fishQuoted(command)}`;
}

function fishCommand({ name, flags, words }: CommandCompletion): string[] {
  const condition = fishQuoted(fishIs(name));
  const flagLines = flags.map(({ names, description, value }) => {
    const options = names.map((each) =>
      each.startsWith("--") ? `-l ${each.slice(2)}` : `-s ${each.slice(1)}`,
    );
    const values =
      value === null
        ? ""
        : value.isFile
          ? " -r -F"
          : ` -x${value.words.length === 0 ? "" : ` -a ${fishQuoted(value.words.join(" "))}`}`;
    return `complete -c bunbond -n ${condition} ${options.join(" ")}${values} -d ${fishQuoted(description)}`;
  });
  // "bunbond" and the command stand before its words. All but the last kind have one place.
  const wordsBefore = name.split(" ").length + 1;
  const wordLines = words.flatMap(({ words: values, isFile }, index) => {
    const count = `test (count (commandline -opc)) ${index < words.length - 1 ? "-eq" : "-ge"} ${wordsBefore + index}`;
    const here = `complete -c bunbond -n ${fishQuoted(`${fishIs(name)}; and ${count}`)}`;
    if (isFile) return [`${here} -F`];
    return values.length === 0 ? [] : [`${here} -a ${fishQuoted(values.join(" "))}`];
  });
  return [...flagLines, ...wordLines];
}

/** In fish, a backslash escapes within single quotes, too. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
