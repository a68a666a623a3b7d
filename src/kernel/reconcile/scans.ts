/**
 * Readings of the kernel, one at a time: the device, what the kernel holds, compared with the book, and the machine's
 * addresses. While one is under way, nothing is changed in the kernel.
 *
 * Without the device nothing can be made right, but what is there is to be known: objects and IPv4 routes go with it
 * without a word. So a device that has been away for a moment leads to a reading, too. It is none of those that the
 * schedule counts: whatever it has cost, the kernel is read at once when the device is back.
 */
import type { Clock } from "../../base/clock.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel } from "../kernel.ts";
import type { LocalAddresses } from "./local-addresses.ts";
import type { InstallerReports } from "./log.ts";
import { NO_LINK, scanKernel } from "./scan.ts";
import type { ScanSchedule } from "./scan-schedule.ts";
import type { TunnelDevice } from "./tunnel-device.ts";

/** One that flaps is not read about each time. */
const AWAY_FOR_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;

export interface ScanParts {
  readonly fib: Fib;
  readonly kernel: Kernel;
  readonly device: TunnelDevice;
  readonly addresses: LocalAddresses;
  readonly schedule: ScanSchedule;
  readonly clock: Clock;
  readonly reports: InstallerReports;
}

export class Scans {
  readonly #parts: ScanParts;
  /** One has ended. */
  readonly #ended: () => void;
  #underWay: Promise<void> | null = null;
  /** When what is left without the device is to be read; null: it is there, NEVER: that has been done. */
  #leftDueMs: number | null = null;

  constructor(parts: ScanParts, ended: () => void) {
    this.#parts = parts;
    this.#ended = ended;
  }

  get isUnderWay(): boolean {
    return this.#underWay !== null;
  }

  /** When one is due, as things stand; Infinity: never. */
  get dueMs(): number {
    const { schedule, addresses } = this.#parts;
    return Math.min(schedule.dueMs, this.#leftDueMs ?? NEVER, addresses.dueMs);
  }

  /**
   * The first one of all, which finds the device.
   * @throws KernelError DEVICE_MISSING, and what the kernel's own reading throws
   */
  async first(): Promise<void> {
    const { device, kernel } = this.#parts;
    const { index } = device.find(await kernel.links());
    await this.#readAll(index);
  }

  /** Begins one that is due. False: none is. */
  begin(nowMs: number): boolean {
    const { schedule, addresses } = this.#parts;
    const reason = schedule.takeDue(nowMs);
    if (reason !== null) this.#occupy(this.#reconcile(reason));
    else if (nowMs >= (this.#leftDueMs ?? NEVER)) this.#occupy(this.#readWithoutDevice());
    else if (nowMs >= addresses.dueMs) this.#occupy(this.#lookAgain());
    else return false;
    return true;
  }

  /** The socket has failed: how far the last operations came nobody knows. */
  failed(error: unknown): void {
    const { schedule, reports, clock } = this.#parts;
    const message = error instanceof Error ? error.message : String(error);
    reports.log.warn("the kernel cannot be spoken to; it is tried again", { message });
    schedule.failed(clock.nowMs());
    // Should it be away, that is found out anew.
    this.#leftDueMs = null;
  }

  /** Waits for the one that is under way. */
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
    const { device, fib, kernel, reports, clock } = this.#parts;
    device.look(await kernel.links());
    if (device.link === null || !device.isUp) {
      this.#leftDueMs ??= clock.nowMs() + AWAY_FOR_MS;
      return;
    }
    this.#leftDueMs = null;
    const before = { ...fib.drift };
    await this.#readAll(device.link.index);
    reports.scanned(fib, reason, before);
  }

  /** An address, or something of the device, has changed: what the kernel refused it may take now. */
  async #lookAgain(): Promise<void> {
    const { device, addresses, fib, kernel, schedule } = this.#parts;
    await addresses.read();
    if (!device.lookAgain(await kernel.links()) && device.link !== null)
      schedule.ask("the device has changed");
    fib.retries.makeAllDue();
  }

  async #readWithoutDevice(): Promise<void> {
    const { device, fib, kernel, clock } = this.#parts;
    this.#leftDueMs = NEVER;
    await scanKernel(fib, kernel, device.link?.index ?? NO_LINK, clock);
  }

  async #readAll(linkIndex: number): Promise<void> {
    const { addresses, fib, kernel, clock, schedule, reports } = this.#parts;
    await addresses.read();
    const { ambiguous, replacedIds } = await scanKernel(fib, kernel, linkIndex, clock);
    for (const route of ambiguous) reports.ambiguous(route);
    for (const id of replacedIds) reports.replaced(id);
    reports.scanWhole(fib.isScanWhole);
    schedule.ended(clock.nowMs());
  }
}
