import { changeCommands } from "./change-commands.ts";
import type { Command } from "./command.ts";
import { drainCommand } from "./drain-command.ts";
import { peerCommands } from "./peer-commands.ts";
import { RUN_DIRECTORY } from "./socket-flag.ts";
import { statusCommand } from "./status-command.ts";

/** The commands that talk to a running daemon. Without --socket they take the one in `directory`. */
export function controlCommands(directory = RUN_DIRECTORY): Command[] {
  return [
    statusCommand(directory),
    ...peerCommands(directory),
    ...changeCommands(directory),
    drainCommand(directory),
  ];
}
