/**
 * TCP connections that tell which tenant they lead to. Both ends are this program again, in the tenants' namespaces:
 *
 *     guest.js serve NAME           answers each connection on port 7 with NAME
 *     guest.js flows ADDRESS COUNT  connects so often, at the same time, and prints the answers, one a line
 */
import { ChildProcess } from "../../support/process/child-process.ts";
import { inside, runInside } from "./network.ts";

const PORT = 7;
/** The executable under test is a bun, too, when it is asked to be one. */
const THIS_PROGRAM = ["env", "BUN_BE_BUN=1", "bunbond", Bun.main];

export async function serveFlows(namespace: string): Promise<void> {
  const child = new ChildProcess({ command: inside(namespace, ...THIS_PROGRAM, "serve", namespace) });
  await child.until("the port", () => child.stdoutLines[0]);
}

/** The namespaces where so many new connections from one namespace to the address lead, each once, sorted. */
export async function whereFlowsLead(from: string, address: string, count: number): Promise<string[]> {
  const text = await runInside(from, ...THIS_PROGRAM, "flows", address, `${count}`);
  return [...new Set(text.trim().split("\n"))].sort();
}

/** What this program does when it is called with a command. */
export async function runFlowCommand([command, argument = "", count]: readonly string[]): Promise<void> {
  if (command === "serve") {
    const socket = { open: (connection: Bun.Socket) => void connection.end(argument), data: () => {} };
    Bun.listen({ hostname: "::", port: PORT, socket });
    console.log("listening");
  } else if (command === "flows") {
    const answers = Array.from({ length: Number(count) }, () => answerOf(argument));
    console.log((await Promise.all(answers)).join("\n"));
  }
}

function answerOf(hostname: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const decoder = new TextDecoder();
  let answer = "";
  const socket = {
    data: (_: Bun.Socket, bytes: Uint8Array) => {
      answer += decoder.decode(bytes, { stream: true });
    },
    close: () => resolve(answer),
  };
  Bun.connect({ hostname, port: PORT, socket }).catch(reject);
  return promise;
}
