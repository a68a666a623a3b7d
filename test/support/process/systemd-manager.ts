/**
 * systemd itself, as PID 1 of namespaces and of a control group of its own: it sees the units that a test gives it and no others, so
 * that it changes nothing outside.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SYSTEMD = "/lib/systemd/systemd";
/** Where it has the executable: a service with PrivateTmp= does not see /tmp. */
export const EXECUTABLE_IN_SYSTEMD = "/run/bin/bunbond";
/** Units that ours refer to. */
const TARGETS = [
  "default",
  "sysinit",
  "basic",
  "sockets",
  "network-online",
  "multi-user",
  "shutdown",
  "umount",
];
const POLL_MS = 20;

const NAMESPACES = ["unshare", "--kill-child", "-m", "-p", "-f", "-C", "-u", "-i", "-n"];
/** The control groups of the namespace alone, in the unified hierarchy. */
const MOUNT_CONTROL_GROUPS =
  "mount --make-rprivate / && umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup";

/** Returns why systemd cannot be started here; null if it can. */
export function reasonWithoutSystemd(): string | null {
  if (process.getuid?.() !== 0) return "only root can start systemd";
  for (const tool of [SYSTEMD, "systemctl", "unshare", "nsenter"]) {
    if (Bun.which(tool) === null) return `${tool} is not installed`;
  }
  if (unifiedHierarchy() === null) return "there is no unified hierarchy of control groups";
  const { success } = Bun.spawnSync([...NAMESPACES, "sh", "-c", MOUNT_CONTROL_GROUPS], {
    stdout: "ignore",
    stderr: "ignore",
  });
  return success ? null : "namespaces and control groups cannot be made here";
}

/** Returns where cgroup2 is mounted, by /proc/self/mountinfo; null if it is not. */
function unifiedHierarchy(): string | null {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  return /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(mounts)?.[1] ?? null;
}

export class SystemdManager implements AsyncDisposable {
  /** Where units and drop-ins are put, beside its own /etc/systemd/system; after that `systemctl daemon-reload`. */
  readonly unitDirectory: string;
  readonly #controlGroup: string;
  readonly #unshare: Bun.Subprocess;
  #pid = 0;

  private constructor(executable: string) {
    this.unitDirectory = mkdtempSync(join(tmpdir(), "bunbond-units-"));
    for (const target of TARGETS) {
      writeFileSync(join(this.unitDirectory, `${target}.target`), "[Unit]\nDefaultDependencies=no\n");
    }
    this.#controlGroup = join(unifiedHierarchy() ?? "", `bunbond-test-${process.pid}`);
    mkdirSync(this.#controlGroup);
    const script = [
      MOUNT_CONTROL_GROUPS,
      "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/systemd/system",
      "mount -t proc proc /proc",
      "ip link set lo up",
      `mkdir /run/bin && touch ${EXECUTABLE_IN_SYSTEMD} && mount --bind "$0" ${EXECUTABLE_IN_SYSTEMD}`,
      `exec env -i PATH="$PATH" container=test SYSTEMD_UNIT_PATH="/etc/systemd/system:$1" SYSTEMD_GENERATOR_PATH= ${SYSTEMD} --system --unit=default.target --log-target=null --show-status=no`,
    ].join(" && ");
    const enter = `echo $$ > "$2/cgroup.procs" && exec ${NAMESPACES.join(" ")} sh -c "$3" "$0" "$1"`;
    const words = [executable, this.unitDirectory, this.#controlGroup, script];
    this.#unshare = Bun.spawn(["sh", "-c", enter, ...words], {
      stdio: ["ignore", "ignore", "ignore"],
    });
  }

  /** Resolves when it runs. */
  static async start(executable: string): Promise<SystemdManager> {
    const manager = new SystemdManager(executable);
    try {
      while (!manager.#isRunning()) await Bun.sleep(POLL_MS);
      return manager;
    } catch (error) {
      await manager[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a command beside the services. */
  run(...command: readonly string[]) {
    const enter = ["nsenter", "-t", `${this.#pid}`, "-m", "-p", "-u", "-i", "-n", "-C"];
    const { exitCode, stdout, stderr } = Bun.spawnSync([...enter, ...command], {
      env: { ...process.env, LC_ALL: "C", NODE_ENV: undefined },
    });
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  /** Returns a property of a service, as `systemctl show` has it. */
  show(service: string, property: string): string {
    return this.run("systemctl", "show", "--value", `--property=${property}`, service).stdout.trim();
  }

  #isRunning(): boolean {
    const { pid, exitCode } = this.#unshare;
    if (exitCode !== null) throw new Error("systemd has ended at once");
    // sh becomes unshare, which has one child: another sh, which becomes systemd.
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    this.#pid = Number(child);
    if (!existsSync(`/proc/${child}/comm`) || readFileSync(`/proc/${child}/comm`, "utf8") !== "systemd\n")
      return false;
    return this.run("systemctl", "is-system-running").stdout === "running\n";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The kernel ends all processes of the namespace with its PID 1.
    this.#unshare.kill("SIGKILL");
    await this.#unshare.exited;
    rmSync(this.unitDirectory, { recursive: true });
    await this.#removeControlGroups();
  }

  /** A group can be removed when its last process has been reaped. */
  async #removeControlGroups(): Promise<void> {
    const groups = readdirSync(this.#controlGroup, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort();
    for (const path of [...groups.reverse(), this.#controlGroup]) {
      for (let attempts = 0; ; attempts++) {
        try {
          rmdirSync(path);
          break;
        } catch (error) {
          if (attempts > 250) throw error;
          await Bun.sleep(POLL_MS);
        }
      }
    }
  }
}
