/** `bunbond announce`, `withdraw`, `subscribe` and `unsubscribe` change what a running client announces and subscribes to. */
import {
  type ChangeFacts,
  type ChangeResult,
  type ChangeResults,
  MAX_ITEMS,
} from "../../http/control/api.ts";
import { formatAnnouncement } from "../../route/announcement-text.ts";
import { readAnnouncements, readVnis } from "../flags/values.ts";
import type { Command, Example } from "../program/command.ts";
import type { CommandDefinition, WordsDef } from "../program/command-definition.ts";
import { DAEMON_AWAY, EXIT_NOT_FOUND, EXIT_OK, NOT_FOUND } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";
import { isForPeople, readOutput } from "../program/output-format.ts";
import type { ControlClient } from "./control-client.ts";
import { clientOf, controlFlags, NO_SERVER, print } from "./control-flags.ts";

const ROUTE_EXAMPLE = "100#10.0.1.0/24@2001:db8::1";

const routeWords: WordsDef = {
  valueHint: "ROUTE",
  description:
    "A route as in --announce of the client: VNI#PREFIX@HOP, followed by #lb, #nat or #nat#FROM#TO where needed.",
  example: ROUTE_EXAMPLE,
  repeatable: true,
};
const vniWords: WordsDef = {
  valueHint: "VNI",
  description: "A virtual network, 0 to 4294967295.",
  example: "100",
  repeatable: true,
};

/** Returns the commands. `directories` have the default sockets. */
export function changeCommands(directories: readonly string[]): Command[] {
  return [
    routeCommand(directories, {
      path: "/v1/announce",
      name: "announce",
      mustExist: false,
      description:
        "Make a running client announce routes, until it ends. Routes that it already announces stay as they are.",
      example: {
        comment: "A network on this hypervisor, and a load balancer target",
        line: `bunbond announce ${ROUTE_EXAMPLE} 100#192.0.2.7/32@2001:db8::1#lb`,
      },
    }),
    routeCommand(directories, {
      path: "/v1/withdraw",
      name: "withdraw",
      mustExist: true,
      description: "Make a running client withdraw routes.",
      example: { comment: "Withdraw one route", line: `bunbond withdraw ${ROUTE_EXAMPLE}` },
    }),
    vniCommand(directories, {
      path: "/v1/subscribe",
      name: "subscribe",
      mustExist: false,
      description: "Make a running client subscribe to virtual networks, until it ends.",
      example: { comment: "Subscribe to two virtual networks", line: "bunbond subscribe 100 200" },
    }),
    vniCommand(directories, {
      path: "/v1/unsubscribe",
      name: "unsubscribe",
      mustExist: true,
      description: "Make a running client unsubscribe from virtual networks and drop their routes.",
      example: { comment: "Unsubscribe from one", line: "bunbond unsubscribe 200" },
    }),
  ];
}

interface ChangeCommand<Path> {
  readonly path: Path;
  readonly name: string;
  readonly description: string;
  readonly example: Example;
  /** True if what the command names has to exist. */
  readonly mustExist: boolean;
}

function routeCommand(
  directories: readonly string[],
  command: ChangeCommand<"/v1/announce" | "/v1/withdraw">,
): Command {
  return changeCommand(directories, command, routeWords, (words, client, warn) => {
    // "100 10.0.1.0/24 via 2001:db8::1" without quotes is one route in the wrong form, not four.
    const isSplit = words.length > 1 && /^\d+$/.test(words[0] ?? "");
    const { routes, warnings } = readAnnouncements("ROUTE", isSplit ? [words.join(" ")] : words);
    for (const warning of warnings) warn(warning);
    const texts = routes.map(formatAnnouncement);
    return inBatches(texts, (batch) => client.call(command.path, { routes: batch }));
  });
}

function vniCommand(
  directories: readonly string[],
  command: ChangeCommand<"/v1/subscribe" | "/v1/unsubscribe">,
): Command {
  return changeCommand(directories, command, vniWords, (words, client) =>
    inBatches(readVnis("VNI", words), (batch) => client.call(command.path, { vnis: batch })),
  );
}

function changeCommand(
  directories: readonly string[],
  { name, description, example, mustExist }: ChangeCommand<unknown>,
  words: WordsDef,
  change: (
    words: readonly string[],
    client: ControlClient,
    warn: (text: string) => void,
  ) => Promise<ChangeResults>,
): Command {
  const definition = {
    meta: { name, description },
    words,
    args: controlFlags("client"),
  } satisfies CommandDefinition;
  return {
    definition,
    topics: ["operations"],
    examples: [example],
    exitCodes: mustExist ? [NOT_FOUND, DAEMON_AWAY] : [DAEMON_AWAY],
    async run(context) {
      const { flags, words: given } = parseArguments(definition, context.rawArgs);
      const warn = (text: string) => context.io.stderr.write(`bunbond ${name}: ${text}\n`);
      const answer = await change(given, await clientOf(flags, "client", directories), warn);
      const missing = answer.results.filter(isMissing);
      print(context, flags, answer, { text: changeText, rows: ({ results }) => results });
      if (isForPeople(readOutput(flags))) {
        for (const text of [...missing.map((result) => resultLine(result)), ...notes(answer)]) warn(text);
      }
      return missing.length > 0 ? EXIT_NOT_FOUND : EXIT_OK;
    },
  };
}

/** Returns true if it was to be removed and did not exist. */
function isMissing({ outcome }: ChangeResult): boolean {
  return outcome === "not-announced" || outcome === "not-subscribed";
}

/** Returns the results that are not errors, including those that needed no change. */
function changeText({ results, state }: ChangeResults): string {
  const done = results.filter((result) => !isMissing(result));
  return done.map((result) => `${resultLine(result, state === "drained")}\n`).join("");
}

function resultLine(result: ChangeResult, isDrained = false): string {
  if (isDrained && result.outcome.endsWith("announced") && "route" in result) {
    return `held back while the client is drained: ${result.route}`;
  }
  return `${result.outcome.replace("-", " ")}: ${"route" in result ? result.route : result.vni}`;
}

/** Returns notes on why the change has no visible effect yet. */
function notes({ state, establishedServers }: ChangeFacts): string[] {
  const isDrained =
    state === "drained"
      ? ["the client is drained; it announces nothing until 'bunbond client drain --undo'"]
      : [];
  const isAlone = establishedServers === 0 ? [NO_SERVER] : [];
  return [...isDrained, ...isAlone];
}

/** Sends at least one request. Returns one answer: the results of all batches, and the facts of the last one. */
async function inBatches<T>(
  items: readonly T[],
  ask: (batch: readonly T[]) => Promise<ChangeResults>,
): Promise<ChangeResults> {
  let answer = await ask(items.slice(0, MAX_ITEMS));
  for (let start = MAX_ITEMS; start < items.length; start += MAX_ITEMS) {
    const { results, ...facts } = await ask(items.slice(start, start + MAX_ITEMS));
    answer = { ...facts, results: [...answer.results, ...results] };
  }
  return answer;
}
