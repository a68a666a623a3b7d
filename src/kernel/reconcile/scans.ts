/**
 * Readings of the kernel, one at a time: the device, what the kernel holds, compared with the book, and the machine's
 * addresses. While one is under way, nothing is changed in the kernel.
 *
 * Without the device nothing can be made right, but what is there is to be known: objects and IPv4 routes go with it
 * without a word. So a device that has been away for a moment leads to a reading, too. It is none of those that the
 * schedule counts: whatever it has cost, the kernel is read at once when the device is back.
 */

import type { Clock } from "../../base/clock.ts";
import * as LOG from "../../base/log-events.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel } from "../kernel.ts";
import type { LocalAddresses } from "./local-addresses.ts";
import type { InstallerReports } from "./log.ts";
import { readKernel } from "./scan.ts";
import type { ReadingSchedule } from "./scan-schedule.ts";
import type { TunnelDevice } from "./tunnel-device.ts";

/** One that flaps is not read about each time. */
const AWAY_FOR_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;
/** No device has it. */
const NO_LINK = -1;

export interface ReadingParts {
  readonly fib: Fib;
  readonly kernel: Kernel;
  readonly device: TunnelDevice;
  readonly addresses: LocalAddresses;
  readonly schedule: ReadingSchedule;
  readonly clock: Clock;
  readonly reports: InstallerReports;
}

export class KernelReadings {
  readonly #parts: ReadingParts;
  /** One has ended. */
  readonly #ended: () => void;
  #underWay: Promise<void> | null = null;
  /** When what is left without the device is to be read; null: it is there, NEVER: that has been done. */
  #leftDueMs: number | null = null;

  constructor(parts: ReadingParts, ended: () => void) {
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
    reports.log.log(LOG.netlinkFailed, { message });
    schedule.failed(clock.nowMs());
    // Should it be away, that is found out anew.
    this.#leftDueMs = null;
  }

  /** Waits for the one that is under way. */
  async untilIdle(): Promise<void> {
    await this.#underWay;
  }

  #occupy(reading: Promise<void>): void {
    this.#underWay = reading
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
    reports.read(fib, reason, before);
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
    await readKernel(fib, kernel, device.link?.index ?? NO_LINK, clock);
  }

  async #readAll(linkIndex: number): Promise<void> {
    const { addresses, fib, kernel, clock, schedule, reports } = this.#parts;
    await addresses.read();
    const { contested, replacedIds } = await readKernel(fib, kernel, linkIndex, clock);
    for (const route of contested) reports.contested(route);
    for (const id of replacedIds) reports.replaced(id);
    reports.readWhole(fib.isReadWhole);
    schedule.read(clock.nowMs());
  }
}
