#!/usr/bin/env bun
/** The executable. */
// First, for the sake of signals that come now.
import "./cli/program/pid-one.ts";

import { commands } from "./cli/commands.ts";
import { helpTopics } from "./cli/help/topics.ts";
import { runProgram } from "./cli/program/program.ts";
import { processIo } from "./cli/program/program-io.ts";

const exitCode = await runProgram(process.argv.slice(2), processIo(), commands, helpTopics(commands));
// All output is written by now. What may still hold the process is an attempt to connect that nobody waits for.
process.exit(exitCode);
