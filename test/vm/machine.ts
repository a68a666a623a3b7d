/**
 * A machine with Debian's kernel, emulated by qemu: its processor too (TCG), for the machine that tests run on is
 * often one itself, and cannot lend its own. It runs the guest's program and goes off.
 */
import { ChildProcess } from "../support/process/child-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";
import { debianKernel, kernelPackage } from "./debian-kernel.ts";
import { makeInitramfs } from "./initramfs.ts";

/** The tools, with their Debian packages. */
const TOOLS = {
  "qemu-system-x86_64": "qemu-system-x86",
  busybox: "busybox-static",
  cpio: "cpio",
  ip: "iproute2",
  "apt-get": "apt",
  "dpkg-deb": "dpkg",
} as const;

/** Tunnels, VRFs and the links between namespaces; all else that is needed is in the kernel itself. */
const MODULES = ["ip6_tunnel", "vrf", "veth"];

/** Why there can be none here, or null. CI has the tools. */
export function reasonWithoutMachine(): string | null {
  const reason = missing();
  const { CI } = process.env;
  if (reason !== null && CI) throw new Error(`CI runs the tests in a machine, but ${reason}`);
  return reason;
}

function missing(): string | null {
  if (process.arch !== "x64") return "the machine is an x64 one";
  for (const [tool, debianPackage] of Object.entries(TOOLS)) {
    if (Bun.which(tool) === null) return `${tool} is not installed (Debian: ${debianPackage})`;
  }
  return kernelPackage() === null ? "apt knows no Debian kernel (is this Debian? apt-get update)" : null;
}

export class Machine implements AsyncDisposable {
  readonly #qemu: ChildProcess;
  readonly #scratch: Disposable;
  private constructor(qemu: ChildProcess, scratch: Disposable) {
    this.#qemu = qemu;
    this.#scratch = scratch;
  }

  /** `bunbond` is the path of the executable under test. */
  static async start(bunbond: string): Promise<Machine> {
    const scratch = temporaryDirectory();
    try {
      const kernel = await debianKernel(kernelPackage() ?? "");
      const initramfs = await makeInitramfs({
        directory: scratch.path,
        bunbond,
        busybox: Bun.which("busybox") ?? "",
        ip: Bun.which("ip") ?? "",
        modules: await kernel.modules(MODULES),
      });
      const command = [
        ...["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "2048", "-smp", "2"],
        ...["-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none", "-no-reboot"],
        ...["-kernel", kernel.image, "-initrd", initramfs],
        // A kernel that crashes ends the machine at once.
        ...["-append", "console=ttyS0 quiet oops=panic panic=-1"],
      ];
      return new Machine(new ChildProcess({ command }), scratch);
    } catch (error) {
      scratch[Symbol.dispose]();
      throw error;
    }
  }

  /** Waits for the guest's result of that name; a failure throws, with what the guest says of it. */
  async passed(name: string, timeoutMs: number): Promise<void> {
    const waitingFor = () => `"${name}" in the machine, whose console ends with\n${this.#console(40)}`;
    const failure = await this.#qemu.until(
      waitingFor,
      () => {
        const lines = this.#lines();
        if (lines.includes(`ok ${name}`)) return null;
        return lines.find((line) => line.startsWith(`not ok ${name}: `));
      },
      { timeoutMs },
    );
    if (failure !== null) throw new Error(`${failure}\n${this.#diagnosticsOf(failure)}`);
  }

  /** What the kernel has printed: with `quiet`, only warnings and worse. */
  kernelMessages(): string[] {
    return this.#lines().filter((line) => /^\[ *\d+\.\d+\]/.test(line));
  }

  #lines(): string[] {
    return this.#qemu.stdoutLines.map((line) => line.trimEnd());
  }

  #console(count: number): string {
    return this.#lines().slice(-count).join("\n");
  }

  /** The lines since the result before it. */
  #diagnosticsOf(failure: string): string {
    const lines = this.#lines();
    const end = lines.indexOf(failure);
    const start = lines.findLastIndex((line, index) => index < end && /^(not )?ok /.test(line));
    return lines.slice(start + 1, end).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#qemu[Symbol.asyncDispose]();
    this.#scratch[Symbol.dispose]();
  }
}
