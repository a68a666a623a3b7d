/**
 * Network namespaces for tests: interfaces and addresses of their own, which nothing outside sees and which go with
 * the process that holds them. They need root and iproute2.
 */
import { ChildProcess } from "../process/child-process.ts";

/** Why there can be none here, or null. CI has the tools: there, only root may be missing. */
export function reasonWithoutNamespaces(): string | null {
  for (const [tool, debianPackage] of [
    ["ip", "iproute2"],
    ["unshare", "util-linux"],
    ["nsenter", "util-linux"],
  ] as const) {
    if (Bun.which(tool) !== null) continue;
    const reason = `${tool} is not installed (Debian: ${debianPackage})`;
    const { CI } = process.env;
    if (CI) throw new Error(`CI runs the tests with network namespaces, but ${reason}`);
    return reason;
  }
  const { success } = Bun.spawnSync(["unshare", "--net", "true"], { stderr: "ignore" });
  return success ? null : "a network namespace needs root";
}

/** As the README asks for ECMP: without it a client with kernel routes warns. */
const SET_HASH_POLICIES =
  'for family in ipv4 ipv6; do echo 1 >"/proc/sys/net/$family/fib_multipath_hash_policy"; done';

export class NetworkNamespace {
  readonly #holder: ChildProcess;
  /** Names the namespace to `ip link … netns PID`. */
  readonly pid: number;
  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder;
    this.pid = pid;
  }

  /** A new one, in which `ip` has carried out the lines. */
  static async create(ipLines: readonly string[]): Promise<NetworkNamespace> {
    const command = ["unshare", "--net", "sh", "-c", `${SET_HASH_POLICIES}; echo $$; exec cat`];
    const holder = new ChildProcess({ command });
    try {
      const pid = await holder.until("the namespace", () => holder.stdoutLines[0]);
      const namespace = new NetworkNamespace(holder, Number(pid));
      namespace.ip(ipLines);
      return namespace;
    } catch (error) {
      await holder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A command behind these words runs inside. */
  get enter(): readonly string[] {
    return ["nsenter", `--net=/proc/${this.pid}/ns/net`];
  }

  /** Carries out `ip` command lines inside, without the word "ip". */
  ip(lines: readonly string[]): void {
    const stdin = new TextEncoder().encode(lines.join("\n"));
    const { success, stderr } = Bun.spawnSync([...this.enter, "ip", "-batch", "-"], { stdin });
    if (!success) throw new Error(`ip: ${stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder[Symbol.asyncDispose]();
  }
}
