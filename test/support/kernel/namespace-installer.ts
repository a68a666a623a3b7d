import { fileURLToPath } from "node:url";
import type { EcmpMode, TableMapping } from "../../../src/kernel/desired/settings.ts";
import type { InstallerStatus, TableStatus } from "../../../src/kernel/reconcile/status.ts";
import { ChildProcess } from "../process/child-process.ts";
import type { OverlayNamespace } from "./overlay-namespace.ts";

const DRIVER = fileURLToPath(new URL("./installer-driver.ts", import.meta.url));

/** Routes are written as "100 10.0.1.0/24 via 2001:db8::1". */
export type InstallerRequest =
  | { readonly call: "add" | "remove"; readonly routes: readonly string[] }
  | { readonly call: "addMany" | "removeMany"; readonly count: number; readonly hop: string }
  | { readonly call: "flap"; readonly rounds: number; readonly routes: readonly string[] }
  | { readonly call: "complete"; readonly vni: number }
  | { readonly call: "quiet" | "status" | "faults" }
  | { readonly call: "stop"; readonly cleanup: boolean };

export interface NamespaceInstallerOptions {
  /** Default 254. */
  readonly protocol?: number;
  /** Default "tun". */
  readonly device?: string;
  /** Default: VNI 100 into table 100. */
  readonly mappings?: readonly TableMapping[];
  /** Default 0: never. */
  readonly reconcileIntervalSeconds?: number;
  /** Default "plain". */
  readonly ecmp?: EcmpMode;
  /** It hears nothing of what others do. */
  readonly isMuted?: boolean;
}

export interface InstallerFault {
  readonly table: number;
  readonly destination: string;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
}

/** An installer on the real kernel of a network namespace, by a process inside it (installer-driver.ts). */
export class NamespaceInstaller implements AsyncDisposable {
  readonly #child: ChildProcess;
  #answers = 0;

  private constructor(namespace: OverlayNamespace, options: NamespaceInstallerOptions) {
    const settings: Required<NamespaceInstallerOptions> = {
      protocol: 254,
      device: "tun",
      mappings: [{ vni: 100, table: 100 }],
      reconcileIntervalSeconds: 0,
      ecmp: "plain",
      isMuted: false,
      ...options,
    };
    const command = [...namespace.enter, process.execPath, DRIVER, JSON.stringify(settings)];
    this.#child = new ChildProcess({ command });
  }

  /** One that has read the kernel. */
  static async start(
    namespace: OverlayNamespace,
    options: NamespaceInstallerOptions = {},
  ): Promise<NamespaceInstaller> {
    const installer = new NamespaceInstaller(namespace, options);
    try {
      await installer.#answer("its start");
      return installer;
    } catch (error) {
      await installer[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** These come into view. */
  add(...routes: readonly string[]): Promise<unknown> {
    return this.#call({ call: "add", routes });
  }

  /** These leave it. */
  remove(...routes: readonly string[]): Promise<unknown> {
    return this.#call({ call: "remove", routes });
  }

  /** So many host routes come, half of them IPv4, half IPv6. */
  addMany(count: number, hop: string): Promise<unknown> {
    return this.#call({ call: "addMany", count, hop });
  }

  removeMany(count: number, hop: string): Promise<unknown> {
    return this.#call({ call: "removeMany", count, hop });
  }

  /** The routes come and go, each time until the kernel has them, or has them no longer. */
  flap(rounds: number, ...routes: readonly string[]): Promise<unknown> {
    return this.#call({ call: "flap", rounds, routes });
  }

  /** The view of the VNI is complete. */
  complete(vni = 100): Promise<unknown> {
    return this.#call({ call: "complete", vni });
  }

  /** Until nothing waits for its turn. */
  quiet(): Promise<unknown> {
    return this.#call({ call: "quiet" });
  }

  status(): Promise<InstallerStatus> {
    return this.#call({ call: "status" });
  }

  async table(id = 100): Promise<TableStatus> {
    const { tables } = await this.status();
    const table = tables.find((candidate) => candidate.table === id);
    if (table === undefined) throw new Error(`no table ${id}`);
    return table;
  }

  faults(): Promise<InstallerFault[]> {
    return this.#call({ call: "faults" });
  }

  stop({ cleanup }: { readonly cleanup: boolean }): Promise<unknown> {
    return this.#call({ call: "stop", cleanup });
  }

  /** The match of the first line of the log that matches. */
  logged(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#child.logged(pattern);
  }

  /** Messages of warnings and errors so far, each with its fields. */
  get warnings(): string[] {
    return this.#child.stderrLines.filter((line) => /^(warn|error) /.test(line));
  }

  // The driver answers in order.
  async #call<T>(request: InstallerRequest): Promise<T> {
    this.#child.send(JSON.stringify(request));
    return (await this.#answer(`the answer to ${request.call}`)) as T;
  }

  async #answer(what: string): Promise<unknown> {
    const index = this.#answers++;
    const line = await this.#child.until(what, () => this.#child.stdoutLines[index], {
      timeoutMs: 60_000,
    });
    return JSON.parse(line).result;
  }

  /** It stands still, or goes on: what others change meanwhile is only in its sockets. */
  pause(isPaused: boolean): void {
    process.kill(this.#child.pid, isPaused ? "SIGSTOP" : "SIGCONT");
  }

  /** As kill -9 does. */
  kill(): Promise<void> {
    return this.#child.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
