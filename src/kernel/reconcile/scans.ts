/**
 * Runs scans of the kernel, one at a time: the device, the machine's addresses, and what the kernel has, compared with the
 * FIB model. While a scan is under way, we change nothing in the kernel.
 *
 * While the device is missing nothing can be installed, but the kernel's state must still be tracked: nexthops and IPv4
 * routes disappear with the device, without notification. So a device that has been down for a moment leads to a scan, too.
 * The schedule does not count that one: the kernel is scanned at once when the device is up again.
 */

import type { Clock } from "../../base/clock.ts";
import * as LOG from "../../base/log-events.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel } from "../kernel.ts";
import { NO_LINK, type ObjectKinds } from "../objects/object-kinds.ts";
import type { InstallerLog } from "./installer-log.ts";
import type { LocalAddresses } from "./local-addresses.ts";
import type { ScanSchedule } from "./scan-schedule.ts";
import type { TunnelDevice } from "./tunnel-device.ts";

/** A flapping device does not cause a scan each time. */
const AWAY_FOR_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;

export interface ScanParts {
  readonly fib: Fib;
  readonly kinds: ObjectKinds;
  readonly kernel: Kernel;
  readonly device: TunnelDevice;
  readonly addresses: LocalAddresses;
  readonly schedule: ScanSchedule;
  readonly clock: Clock;
  readonly log: InstallerLog;
}

export class Scans {
  readonly #parts: ScanParts;
  /** Called when a scan has ended. */
  readonly #ended: () => void;
  #underWay: Promise<void> | null = null;
  /** When the kernel is to be scanned without the device; null: the device is up, NEVER: that scan has ended. */
  #leftDueMs: number | null = null;

  constructor(parts: ScanParts, ended: () => void) {
    this.#parts = parts;
    this.#ended = ended;
  }

  get isUnderWay(): boolean {
    return this.#underWay !== null;
  }

  /** When the next scan is due, as things stand; Infinity: never. */
  get dueMs(): number {
    const { schedule, addresses } = this.#parts;
    return Math.min(schedule.dueMs, this.#leftDueMs ?? NEVER, addresses.dueMs);
  }

  /**
   * Runs the first scan, which finds the device.
   * @throws KernelError DEVICE_MISSING, and what scanning the kernel throws
   */
  async first(): Promise<void> {
    const { device, kernel } = this.#parts;
    const { index } = device.find(await kernel.links());
    await this.#scanAll(index);
  }

  /** Begins a scan that is due. Returns false if none is. */
  begin(nowMs: number): boolean {
    const { schedule, addresses } = this.#parts;
    const reason = schedule.takeDue(nowMs);
    if (reason !== null) this.#occupy(this.#reconcile(reason));
    else if (nowMs >= (this.#leftDueMs ?? NEVER)) this.#occupy(this.#scanWithoutDevice());
    else if (nowMs >= addresses.dueMs) this.#occupy(this.#lookAgain());
    else return false;
    return true;
  }

  /** The socket has failed: it is not known which of the last operations were carried out. */
  failed(error: unknown): void {
    const { schedule, log, clock } = this.#parts;
    const message = error instanceof Error ? error.message : String(error);
    log.limited.log(LOG.netlinkFailed, { message });
    schedule.failed(clock.nowMs());
    // The next scan finds out whether the device is down.
    this.#leftDueMs = null;
  }

  /** Waits for the scan that is under way. */
  async untilIdle(): Promise<void> {
    await this.#underWay;
  }

  #occupy(scan: Promise<void>): void {
    this.#underWay = scan
      .catch((error: unknown) => this.failed(error))
      .finally(() => {
        this.#underWay = null;
        this.#ended();
      });
  }

  async #reconcile(reason: string): Promise<void> {
    const { device, fib, kernel, log, clock } = this.#parts;
    device.look(await kernel.links());
    if (device.link === null || !device.isUp) {
      this.#leftDueMs ??= clock.nowMs() + AWAY_FOR_MS;
      return;
    }
    this.#leftDueMs = null;
    const before = { ...fib.drift };
    await this.#scanAll(device.link.index);
    log.scanned(fib, reason, before);
  }

  /** Reads addresses and device again, since one of them has changed: the kernel may accept now what it has refused. */
  async #lookAgain(): Promise<void> {
    const { device, addresses, fib, kernel, schedule } = this.#parts;
    await addresses.read();
    if (!device.lookAgain(await kernel.links()) && device.link !== null)
      schedule.ask("the device has changed");
    fib.retries.makeAllDue();
  }

  async #scanWithoutDevice(): Promise<void> {
    const { device, kinds, kernel, clock } = this.#parts;
    this.#leftDueMs = NEVER;
    await kinds.scan(kernel, device.link?.index ?? NO_LINK, clock);
  }

  async #scanAll(linkIndex: number): Promise<void> {
    const { addresses, fib, kinds, kernel, clock, schedule, log } = this.#parts;
    await addresses.read();
    const { ambiguous, replacedIds } = await kinds.scan(kernel, linkIndex, clock);
    for (const route of ambiguous) log.ambiguous(route);
    for (const id of replacedIds) log.replaced(id);
    log.scanWhole(fib.isScanWhole);
    schedule.ended(clock.nowMs());
  }
}
