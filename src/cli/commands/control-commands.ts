import { runDirectories } from "../flags/socket-flag.ts";
import type { Command } from "../program/command.ts";
import { changeCommands } from "./change-commands.ts";
import { drainCommand } from "./drain-command.ts";
import { peerCommands } from "./peer-commands.ts";
import { statusCommand } from "./status-command.ts";

/** The commands that talk to a running daemon. Without --socket they take the only one in `directories`. */
export function controlCommands(directories: readonly string[] = runDirectories()): Command[] {
  return [
    statusCommand(directories),
    ...peerCommands(directories),
    ...changeCommands(directories),
    drainCommand(directories),
  ];
}
