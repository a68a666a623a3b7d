import { runBench } from "./bench/run-bench.ts";
import { benchCommand } from "./commands/bench-command.ts";
import { checkConfigCommand } from "./commands/check-config-command.ts";
import { cleanupCommand } from "./commands/cleanup-command.ts";
import { controlCommands } from "./commands/control-commands.ts";
import { demoCommand } from "./commands/demo-command.ts";
import { clientCommand } from "./daemon/client-command.ts";
import { runClient } from "./daemon/run-client.ts";
import { runServer } from "./daemon/run-server.ts";
import { serverCommand } from "./daemon/server-command.ts";
import type { Command } from "./program/command.ts";

/** The program's commands, in the order in which help shows them. */
export const commands: readonly Command[] = [
  serverCommand(runServer),
  clientCommand(runClient),
  ...controlCommands(),
  cleanupCommand,
  checkConfigCommand,
  benchCommand(runBench),
  demoCommand,
];
