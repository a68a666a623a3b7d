/** Sends requests to a running daemon over its control socket, or over HTTP. Failures become errors with exit codes. */

import { systemErrorCode } from "../../base/system-error.ts";
import type {
  ControlApi,
  ControlErrorBody,
  ControlPath,
  PeerList,
  ProgramName,
} from "../../http/control/api.ts";
import { CommandError } from "../program/command-error.ts";
import { type CommandExitCode, EXIT_FAILED, EXIT_NO_DAEMON, EXIT_NOT_FOUND } from "../program/exit-codes.ts";

export interface ControlClientOptions {
  /** The path of the socket, or the URL of a daemon's HTTP, which answers only queries. */
  readonly socketPath: string;
  /** The daemon that must answer; null if it may be either. */
  readonly program: ProgramName | null;
}

/** A daemon that does not answer within this time is suspended or hangs. */
const ANSWER_WITHIN_MS = 30_000;

export function isUrl(text: string): boolean {
  return /^https?:\/\//.test(text);
}

export class ControlClient {
  readonly #options: ControlClientOptions;
  constructor(options: ControlClientOptions) {
    this.#options = options;
  }

  /** @throws CommandError */
  async call<P extends ControlPath>(path: P, body: ControlApi[P]["body"]): Promise<ControlApi[P]["answer"]> {
    const response = await this.#fetch(path, body);
    const answer = await this.#json(response);
    // The answer's shape is not checked: only root and BunBond can make the socket's file.
    if (response.ok) return answer as ControlApi[P]["answer"];
    throw this.#refused(answer as ControlErrorBody);
  }

  /**
   * Resolves to the answer to a query (http/queries). `path` has its parameters.
   * @throws CommandError
   */
  async get<T>(path: string): Promise<T> {
    const response = await this.#fetch(path, null);
    const answer = await this.#json(response);
    // As above.
    if (response.ok) return answer as T;
    throw this.#refused(answer as ControlErrorBody);
  }

  /**
   * Iterates over the lines of an answer of any length, as they come.
   * @throws CommandError
   */
  async *lines(path: string, signal: AbortSignal, headers: Readonly<Record<string, string>> = {}) {
    const response = await this.#fetch(path, null, signal, headers);
    if (!response.ok) throw this.#refused((await this.#json(response)) as ControlErrorBody);
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const bytes of response.body ?? []) {
        const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
        rest = parts.pop() ?? "";
        yield* parts;
      }
    } catch (error) {
      if (!signal.aborted) throw this.#unreachable(error);
    }
  }

  async #fetch(
    path: string,
    body: unknown,
    signal: AbortSignal = AbortSignal.timeout(ANSWER_WITHIN_MS),
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const { socketPath } = this.#options;
    try {
      return await fetch(
        `${isUrl(socketPath) ? socketPath.replace(/\/+$/, "") : "http://localhost"}${path}`,
        {
          ...(!isUrl(socketPath) && { unix: socketPath }),
          signal,
          headers,
          ...(body !== null && { method: "POST", body: JSON.stringify(body) }),
        },
      );
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  async #json(response: Response): Promise<unknown> {
    try {
      return await response.json();
    } catch (error) {
      if (error instanceof SyntaxError) {
        throw this.#error(
          "BAD_ANSWER",
          EXIT_FAILED,
          `this is no BunBond daemon: its answer has status ${response.status} and is not JSON`,
        );
      }
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): CommandError {
    const { socketPath, program } = this.#options;
    const code = systemErrorCode(error);
    if (code === "EACCES" || code === "EPERM") {
      return this.#error(
        "NO_PERMISSION",
        EXIT_FAILED,
        `no permission to use ${socketPath}: only its owner and group have it`,
      );
    }
    if (error instanceof Error && error.name === "TimeoutError") {
      return this.#error("NO_ANSWER", EXIT_NO_DAEMON, `the daemon at ${socketPath} does not answer`);
    }
    const what = program === null ? "daemon" : program;
    return this.#error(
      "DAEMON_AWAY",
      EXIT_NO_DAEMON,
      `no ${what} answers at ${socketPath}${isUrl(socketPath) ? "" : "; name another socket by --socket"}`,
    );
  }

  #refused({ code, message, program }: ControlErrorBody): CommandError {
    const { socketPath, program: expected } = this.#options;
    if (code === "PEER_NOT_FOUND") return this.#error(code, EXIT_NOT_FOUND, message);
    if (code === "STARTING") return this.#error(code, EXIT_NO_DAEMON, message);
    if (code === "NOT_FOUND" && expected !== null && program !== expected) {
      const what = `${socketPath} belongs to a ${program}, and this command is for a ${expected}`;
      return this.#error("WRONG_DAEMON", EXIT_FAILED, what);
    }
    return this.#error(code, EXIT_FAILED, message);
  }

  #error(code: string, exitCode: CommandExitCode, message: string): CommandError {
    return new CommandError(message, { code, exitCode });
  }
}

/**
 * Resolves to the peers of a server, from `/v1/peers` with any parameters.
 * @throws CommandError, also if the daemon is a client
 */
export async function peersOf<List extends PeerList = PeerList>(
  client: ControlClient,
  path = "/v1/peers",
): Promise<List> {
  const answer = await client.get<List | { readonly servers: unknown }>(path);
  if ("peers" in answer) return answer;
  throw new CommandError(
    "this daemon is a client, and only servers have peers; 'bunbond status' shows its servers",
    {
      code: "WRONG_DAEMON",
      exitCode: EXIT_FAILED,
    },
  );
}
