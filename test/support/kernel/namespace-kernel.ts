import { fileURLToPath } from "node:url";
import type {
  FoundNexthop,
  FoundRoute,
  KernelEvent,
  KnownOfOurs,
  Link,
  Operation,
  OperationFailure,
} from "../../../src/kernel/kernel.ts";
import type { IpAddress } from "../../../src/net/ip.ts";
import { ChildProcess } from "../process/child-process.ts";
import type { NetworkNamespace } from "./network-namespace.ts";

const DRIVER = fileURLToPath(new URL("./kernel-driver.ts", import.meta.url));

const NOTHING_KNOWN: KnownOfOurs = { linkIndex: -1, nexthopIds: [], tables: [] };

export type KernelRequest =
  | { readonly call: "links" | "localAddresses" | "watch" | "origin" | "close" }
  | { readonly call: "eachNexthop" | "eachRoute" | "eachRouteOfOurs"; readonly ours: KnownOfOurs }
  | { readonly call: "poll"; readonly ip: string }
  | { readonly call: "apply"; readonly operations: readonly Operation[]; readonly linkIndex: number };

export interface NamespaceKernelOptions {
  readonly protocol?: number;
  readonly isReadOnly?: boolean;
  /** Words before the command. */
  readonly prefix?: readonly string[];
}

/** The real kernel of a network namespace, by a process inside it (kernel-driver.ts). */
export class NamespaceKernel {
  readonly #child: ChildProcess;
  /** Lines of its stdout that are read. */
  #read = 0;
  readonly #answers: unknown[] = [];
  readonly events: KernelEvent[] = [];

  constructor(
    namespace: NetworkNamespace,
    { protocol = 254, isReadOnly = false, prefix = [] }: NamespaceKernelOptions = {},
  ) {
    const mode = isReadOnly ? ["read-only"] : [];
    const command = [...namespace.enter, ...prefix, process.execPath, DRIVER, `${protocol}`, ...mode];
    this.#child = new ChildProcess({ command });
  }

  /** Opens it, and gives what that came to: "open", or the error's code and message. */
  async open(): Promise<unknown> {
    const line = await this.#child.until("the kernel to open", () => this.#child.stdoutLines[0]);
    this.#read = 1;
    const { result, ...error } = JSON.parse(line);
    return result ?? error;
  }

  links(): Promise<Link[]> {
    return this.#call({ call: "links" });
  }

  localAddresses(): Promise<IpAddress[]> {
    return this.#call({ call: "localAddresses" });
  }

  nexthops(ours = NOTHING_KNOWN): Promise<FoundNexthop[]> {
    return this.#call({ call: "eachNexthop", ours });
  }

  async routes(ours = NOTHING_KNOWN): Promise<FoundRoute[]> {
    return (await this.readRoutes(ours)).found;
  }

  /** With whether the kernel could tell all. */
  readRoutes(ours: KnownOfOurs): Promise<{ isWhole: boolean; found: FoundRoute[] }> {
    return this.#call({ call: "eachRoute", ours });
  }

  routesOfOurs(ours: KnownOfOurs): Promise<FoundRoute[]> {
    return this.#call({ call: "eachRouteOfOurs", ours });
  }

  apply(operations: readonly Operation[], linkIndex: number): Promise<OperationFailure[]> {
    return this.#call({ call: "apply", operations, linkIndex });
  }

  watch(): Promise<null> {
    return this.#call({ call: "watch" });
  }

  /** How many events are reported at once after an `ip` command, while the event loop stands still. */
  pollAfter(ip: string): Promise<number> {
    return this.#call({ call: "poll", ip });
  }

  origin(): Promise<string> {
    return this.#call({ call: "origin" });
  }

  close(): Promise<null> {
    return this.#call({ call: "close" });
  }

  /** The first event that fits. */
  event(what: string, fits: (event: KernelEvent) => boolean): Promise<KernelEvent> {
    return this.#child.until(
      () => `${what} behind ${this.events.length} events`,
      () => {
        this.#readLines();
        return this.events.find(fits);
      },
    );
  }

  /** Stops it where it is (SIGSTOP), or lets it go on. */
  pause(isPaused: boolean): void {
    this.#child.signal(isPaused ? "SIGSTOP" : "SIGCONT");
  }

  // The driver answers in order, with what the call gives.
  async #call<T>(request: KernelRequest): Promise<T> {
    this.#child.send(JSON.stringify(request));
    await this.#child.until(`the answer to ${request.call}`, () => {
      this.#readLines();
      return this.#answers.length > 0 ? true : undefined;
    });
    return this.#answers.shift() as T;
  }

  #readLines(): void {
    for (; this.#read < this.#child.stdoutLines.length; this.#read++) {
      const line = JSON.parse(this.#child.stdoutLines[this.#read] ?? "");
      if ("event" in line) this.events.push(line.event);
      else this.#answers.push(line.result);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
