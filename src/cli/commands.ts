import { runBench } from "./bench/run-bench.ts";
import { benchCommand } from "./bench-command.ts";
import { checkConfigCommand } from "./check-config-command.ts";
import { cleanupCommand } from "./cleanup-command.ts";
import { clientCommand } from "./client-command.ts";
import type { Command } from "./command.ts";
import { controlCommands } from "./control-commands.ts";
import { demoCommand } from "./demo-command.ts";
import { runClient } from "./run-client.ts";
import { runServer } from "./run-server.ts";
import { serverCommand } from "./server-command.ts";

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
