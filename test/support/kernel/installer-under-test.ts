/** An installer on a kernel in memory, with everything written as text: "100 10.0.1.0/24 via 2001:db8::1 lb". */
import { Installer, type InstallerOptions } from "../../../src/kernel/reconcile/installer.ts";
import type { InstallerStatus, TableStatus } from "../../../src/kernel/reconcile/status.ts";
import type { Prefix } from "../../../src/net/ip.ts";
import { parsePrefix } from "../../../src/net/prefix.ts";
import type { Route } from "../../../src/route/route.ts";
import { NextHopType } from "../../../src/wire/protocol.ts";
import { DestinationViews } from "../models/destination-views.ts";
import { FakeClock } from "../network/fake-clock.ts";
import { address, MemoryKernel } from "./memory-kernel.ts";

export const PROTOCOL = 254;
/** The first id of its block. */
export const FIRST_ID = 0x40000000 + PROTOCOL * 2 ** 20;

const TYPES = { standard: NextHopType.STANDARD, nat: NextHopType.NAT, lb: NextHopType.LOADBALANCER_TARGET };

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class InstallerUnderTest {
  readonly clock: FakeClock;
  readonly kernel: MemoryKernel;
  readonly lines: LogLine[] = [];
  /** Empty again after a restart. */
  view = new DestinationViews();
  installer: Installer;
  readonly #options: Partial<InstallerOptions>;

  constructor(options: Partial<InstallerOptions> = {}, clock = new FakeClock()) {
    this.clock = clock;
    this.kernel = new MemoryKernel(PROTOCOL, clock);
    this.#options = options;
    this.installer = this.#make();
  }

  /** One that is started already. */
  static async started(options: Partial<InstallerOptions> = {}): Promise<InstallerUnderTest> {
    const rig = new InstallerUnderTest(options);
    await rig.start();
    return rig;
  }

  /** Starts, and settles. */
  async start(): Promise<void> {
    let failure: unknown = null;
    let isDone = false;
    void this.installer.start().then(
      () => {
        isDone = true;
      },
      (error: unknown) => {
        failure = error;
        isDone = true;
      },
    );
    while (!isDone) await this.settle();
    if (failure !== null) throw failure;
    await this.settle();
  }

  /** Another installer in place of this one, which has just died, and nothing more is heard of. */
  async restart(options: Partial<InstallerOptions> = this.#options): Promise<void> {
    this.kernel.close();
    void this.installer.stop({ cleanup: false });
    await this.settle();
    this.installer = this.#make(options);
    await this.start();
  }

  /** Carries out everything that is due now. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      const before = this.kernel.log.length;
      this.clock.settle();
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      if (this.kernel.log.length !== before || this.installer.status().isScanning) quiet = -1;
    }
  }

  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.advance(Math.min(left, 500));
      await this.settle();
    }
  }

  /** Waits until even what was refused, delayed and unneeded has had its turn. */
  async rest(): Promise<void> {
    await this.advance(70_000);
  }

  async add(...texts: readonly string[]): Promise<void> {
    for (const text of texts) this.added(route(text));
    await this.settle();
  }

  async remove(...texts: readonly string[]): Promise<void> {
    for (const text of texts) this.removed(route(text));
    await this.settle();
  }

  async announce(text: string): Promise<void> {
    this.announced(route(text));
    await this.settle();
  }

  async withdraw(text: string): Promise<void> {
    this.withdrawn(route(text));
    await this.settle();
  }

  // Changes of the view, which the installer reads when their turn has come.

  added(changed: Route): void {
    this.view.add(changed);
    this.installer.added(changed);
  }

  removed(changed: Route): void {
    this.view.remove(changed);
    this.installer.removed(changed);
  }

  announced(changed: Route): void {
    this.view.announce(changed);
    this.installer.announcementChanged(changed);
  }

  withdrawn(changed: Route): void {
    this.view.withdraw(changed);
    this.installer.announcementChanged(changed);
  }

  async complete(...vnis: readonly number[]): Promise<void> {
    for (const vni of vnis) this.installer.complete(vni);
    await this.settle();
  }

  get status(): InstallerStatus {
    return this.installer.status();
  }

  table(id: number): TableStatus {
    const found = this.status.tables.find(({ table }) => table === id);
    if (found === undefined) throw new Error(`no table ${id}`);
    return found;
  }

  /** Messages of warnings and errors since the last call; of those about a problem that they name, the problem. */
  takeWarnings(): string[] {
    return this.lines
      .splice(0)
      .flatMap(({ level, message, fields: { problem = message } }) =>
        level === "warn" || level === "error" ? [`${problem}`] : [],
      );
  }

  #make(options: Partial<InstallerOptions> = this.#options): Installer {
    const log =
      (level: string) =>
      (message: string, fields: LogLine["fields"] = {}) => {
        this.lines.push({ level, message, fields });
      };
    const installer = new Installer({
      protocol: PROTOCOL,
      device: "tun",
      mappings: [{ vni: 100, table: 100 }],
      reconcileIntervalSeconds: 0,
      ...options,
      kernel: this.kernel,
      clock: this.clock,
      logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
    });
    this.view = new DestinationViews();
    installer.follow(this.view);
    return installer;
  }
}

/** "100 10.0.1.0/24 via 2001:db8::1 nat 1-9" */
export function route(text: string): Route {
  const [vni = "", destination = "", , hop = "", type = "standard", ports = "0-0"] = text.split(" ");
  const [natPortFrom = 0, natPortTo = 0] = ports.split("-").map(Number);
  if (!(type in TYPES)) throw new Error(`${type} is no type`);
  return {
    vni: Number(vni),
    destination: prefix(destination),
    nextHop: {
      address: address(hop),
      targetVni: 0,
      // Checked above.
      type: TYPES[type as keyof typeof TYPES],
      natPortFrom,
      natPortTo,
    },
  };
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`${text} is no prefix`);
  return parsed.prefix;
}
