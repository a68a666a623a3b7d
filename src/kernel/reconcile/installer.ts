/**
 * Keeps the kernel's routes equal to what the client has in view.
 *
 *     start: links ─▶ reading ─▶ adopted
 *                                   │
 *              ┌────────────────────▼──────────────────────┐
 *              │ one step of the event loop, the first of: │
 *              │   a reading, if one is asked for and due   │◀── events that leave doubt, link up, overrun,
 *              │   what is left without the device          │    failures that do, the interval
 *              │   the machine's addresses                  │
 *              │   rows to be marked                        │
 *              │   a slice of changed rows                  │◀── the view, retries, routes deleted by others
 *              │   a slice of unneeded nexthops             │◀── a second after they have lost their last use
 *              └────────────────────────────────────────────┘
 *
 * While the device is down or away nothing can be done: the kernel has dropped the objects, and the IPv4 routes without
 * a word. When it is up again, the kernel is read and everything rebuilt.
 */

import type { Clock, Timer } from "../../base/clock.ts";
import { DEFAULT_RECONCILE_INTERVAL_SECONDS } from "../../base/defaults.ts";
import { eventLog } from "../../base/log-event.ts";
import { type Logger, silentLogger } from "../../base/logger.ts";
import type { IpAddress } from "../../net/ip.ts";
import type { Route } from "../../route/route.ts";
import type { TableMapping, WantedSettings } from "../desired/settings.ts";
import { Fib } from "../fib/fib.ts";
import { type Kernel, KernelError, type KernelEvent } from "../kernel.ts";
import type { KernelOptionNames } from "../option-names.ts";
import { KernelWork } from "./applier.ts";
import { cleanUp } from "./cleanup.ts";
import { LocalAddresses } from "./local-addresses.ts";
import { InstallerReports } from "./log.ts";
import { MultipathHash } from "./multipath-hash.ts";
import { KernelNews } from "./notifications.ts";
import { Obstacles } from "./obstacles.ts";
import { ReadingSchedule } from "./scan-schedule.ts";
import { KernelReadings } from "./scans.ts";
import { faultsOf, type InstallerStatus, type KernelFault, statusOf } from "./status.ts";
import { TunnelDevice } from "./tunnel-device.ts";

/** Events that wait for the end of a reading. More are as good as lost: then the kernel is read once more. */
const MAX_WAITING_FOR_READING = 10_000;
/** Those that wait for their turn. */
const MAX_WAITING_EVENTS = 100_000;
/** Those that are heard as they come; more wait for the next turn of the event loop. Each takes some 10 µs at most. */
const EVENTS_HEARD_AT_ONCE = 64;
/** Those that have waited are heard in a turn until one of these is reached. */
const EVENTS_PER_TURN = 1_024;
const HEARING_MS = 2;
/** Events between two looks at the time. */
const EVENTS_PER_LOOK = 16;

export interface InstallerOptions extends Partial<WantedSettings> {
  readonly kernel: Kernel;
  /** 1 to 255. Its lock is held (lock.ts). */
  readonly protocol: number;
  /** The tunnel's name, as "ip6tnl0". */
  readonly device: string;
  /** No VNI in two tables. */
  readonly mappings: readonly TableMapping[];
  /** 0: never. Default 300. */
  readonly reconcileIntervalSeconds?: number;
  /** Default: as a program sets them. */
  readonly optionNames?: KernelOptionNames;
  readonly clock: Clock;
  readonly logger?: Logger;
}

export class Installer {
  readonly #options: InstallerOptions;
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #reports: InstallerReports;
  readonly #device: TunnelDevice;
  readonly #fib: Fib;
  readonly #addresses: LocalAddresses;
  readonly #news: KernelNews;
  readonly #schedule: ReadingSchedule;
  readonly #work: KernelWork;
  readonly #readings: KernelReadings;
  readonly #obstacles: Obstacles;
  readonly #multipathHash: MultipathHash;
  #mappings: readonly TableMapping[];
  /**
   * Events that came while the kernel was being read, when what they tell may be older than the book or newer; or more of
   * them than a turn of the event loop has time for. Nothing is changed in the kernel before they were heard.
   */
  #waitingEvents: KernelEvent[] = [];
  #heardInTurn = 0;
  #isStepDue = false;
  #alarm: Timer | null = null;
  #isStarted = false;
  #isStopped = false;

  constructor(options: InstallerOptions) {
    this.#options = options;
    const { kernel, protocol, device, mappings, optionNames, clock, logger = silentLogger } = options;
    const { reconcileIntervalSeconds = DEFAULT_RECONCILE_INTERVAL_SECONDS } = options;
    const { excludedTypes = [], nat = "plain", ipv4Only = false, preferredNetworks = [] } = options;
    const { ecmp = "plain" } = options;
    this.#kernel = kernel;
    this.#clock = clock;
    this.#reports = new InstallerReports(logger, clock, protocol, device);
    this.#device = new TunnelDevice(device, eventLog(logger), optionNames);
    this.#schedule = new ReadingSchedule(reconcileIntervalSeconds * 1000, clock.nowMs());
    this.#mappings = mappings;
    const settings = { excludedTypes, nat, ipv4Only, preferredNetworks, ecmp };
    this.#fib = new Fib(
      protocol,
      settings,
      (table, destination, wanted) => this.#reports.passedOver(table, destination, wanted),
      (table, destination) => this.#reports.foughtOver(table, destination),
      (destination) => this.#reports.memoryRefused(destination),
    );
    this.#fib.setMappings(mappings);
    this.#multipathHash = new MultipathHash(this.#fib, kernel, eventLog(logger));
    this.#addresses = new LocalAddresses(this.#fib, kernel, clock);
    const doubt = (reason: string) => this.#askForReading(reason);
    this.#news = new KernelNews(this.#fib, clock, this.#reports.log, doubt);
    // What has gone wrong is told of in a moment, if others are at work: then it is put right without a reading.
    const doubtLater = (reason: string) => this.#schedule.askLater(reason, clock.nowMs());
    this.#obstacles = new Obstacles(this.#fib, kernel, clock, {
      named: (failure, inTheWay) => this.#reports.failure(failure, inTheWay),
      oursFound: () => {
        if (this.#readings.isUnderWay) return;
        doubtLater("a route of ours was not in the book");
        this.#wake();
      },
    });
    this.#work = new KernelWork(this.#fib, kernel, clock, this.#reports, this.#obstacles, doubtLater);
    const parts = {
      fib: this.#fib,
      kernel,
      device: this.#device,
      addresses: this.#addresses,
      schedule: this.#schedule,
      clock,
      reports: this.#reports,
    };
    this.#readings = new KernelReadings(parts, () => this.#wake());
  }

  /**
   * Finds the device, reads what the kernel holds and adopts it; from then on the kernel follows the view.
   * @throws KernelError DEVICE_MISSING, and what the kernel's own reading throws
   */
  async start(): Promise<void> {
    this.#kernel.watch((event) => this.#heard(event));
    await this.#readings.first();
    this.#isStarted = true;
    this.#reports.started(this.#fib);
    this.#wake();
  }

  /** A route came into view. */
  added(route: Route): void {
    this.#fib.added(route);
    this.#wake();
  }

  /** A route left the view. */
  removed(route: Route): void {
    this.#fib.removed(route);
    this.#wake();
  }

  /** The client announces a route itself now: received ones to that destination and VNI are not installed. */
  announced(route: Route): void {
    this.#fib.announced(route);
    this.#wake();
  }

  /** The client does not announce it any more. */
  withdrawn(route: Route): void {
    this.#fib.withdrawn(route);
    this.#wake();
  }

  /** A server has that address: no route in the host's own table shall cover it. */
  keepReachable(address: IpAddress): void {
    this.#fib.keepReachable(address);
    this.#wake();
  }

  /** The view of a VNI is complete: what was found in the kernel and is not in it may go. */
  complete(vni: number): void {
    this.#fib.complete(vni);
    this.#wake();
  }

  /** Other tables from now on. Routes of VNIs that were not mapped before are known already. */
  setMappings(mappings: readonly TableMapping[]): void {
    this.#mappings = mappings;
    this.#fib.setMappings(mappings);
    // What our predecessor, or somebody else, has in a table that is new to us was passed by so far.
    this.#askForReading("other tables");
  }

  /** Reads the kernel, and makes it right. */
  reconcile(): void {
    this.#askForReading("asked for");
  }

  /** Changes nothing more, or only takes all of ours away. */
  async stop({ cleanup }: { readonly cleanup: boolean }): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#alarm?.cancel();
    this.#obstacles.stop();
    await this.#readings.untilIdle();
    if (!cleanup) return;
    const tables = [...new Set(this.#mappings.map(({ table }) => table))];
    const { protocol } = this.#options;
    this.#reports.cleanedUp(await cleanUp({ kernel: this.#kernel, protocol, tables, clock: this.#clock }));
  }

  status(): InstallerStatus {
    const { lastMs } = this.#schedule;
    return statusOf(this.#fib, this.#work.operations, {
      device: this.#options.device,
      linkIndex: this.#device.link?.index ?? null,
      isUp: this.#device.isUp,
      problems: [...this.#device.problems, ...memoryProblems(this.#fib.refusedMemory)],
      lastReadForMs: lastMs === null ? null : this.#clock.nowMs() - lastMs,
      isReading: this.#readings.isUnderWay,
      ecmpProblem: this.#multipathHash.problem,
    });
  }

  /** All views are complete, and the kernel has what is in them, but for what fails. */
  get isUpToDate(): boolean {
    const { tables, changes } = this.#fib;
    const isSettled = [...tables.all()].every((table) => table.vnis.length === 0 || table.isSettled);
    return (
      this.#isStarted && isSettled && !changes.hasRows && !changes.hasWalks && !this.#readings.isUnderWay
    );
  }

  /** The destinations that cannot be made right, and why; at most `limit`. */
  faults(limit: number): KernelFault[] {
    return faultsOf(this.#fib, limit, this.#device.refusalCauses);
  }

  // The loop.

  #wake(): void {
    if (this.#isStepDue || !this.#isStarted || this.#isStopped) return;
    this.#isStepDue = true;
    this.#clock.soon(() => {
      this.#isStepDue = false;
      this.#step();
    });
  }

  #step(): void {
    if (this.#isStopped || this.#readings.isUnderWay) return;
    this.#alarm?.cancel();
    this.#hearWaiting();
    if (this.#waitingEvents.length > 0) {
      this.#wake();
      return;
    }
    const nowMs = this.#clock.nowMs();
    if (this.#readings.begin(nowMs)) return;
    if (this.#workSlice(nowMs)) this.#wake();
    else this.#sleep(nowMs);
  }

  get #mayWork(): boolean {
    return this.#device.isUp && !this.#schedule.isUrgent;
  }

  #workSlice(nowMs: number): boolean {
    // It may tell that there is nothing to be done just now.
    if (!this.#kernel.poll() || this.#waitingEvents.length > 0) return true;
    const { link } = this.#device;
    if (link === null || !this.#mayWork) return false;
    try {
      return this.#work.slice(link.index, nowMs);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      // The rows are looked at again by the reading.
      this.#readings.failed(error);
      this.#wake();
      return false;
    }
  }

  /** Sets the alarm to when there is something to do again without being woken. */
  #sleep(nowMs: number): void {
    this.#multipathHash.look();
    const workDueMs = this.#mayWork ? this.#work.dueMs : Number.POSITIVE_INFINITY;
    const dueMs = Math.min(this.#readings.dueMs, workDueMs);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#alarm = this.#clock.after(Math.max(0, dueMs - nowMs), () => this.#wake());
  }

  #askForReading(reason: string): void {
    this.#schedule.ask(reason);
    this.#wake();
  }

  // Events.

  #heard(event: KernelEvent): void {
    if (this.#isStopped) return;
    if (event.type === "route" && this.#news.isKnown(event)) return;
    const mustWait = this.#readings.isUnderWay || !this.#isStarted;
    const isInTurn = this.#waitingEvents.length === 0 && this.#heardInTurn < EVENTS_HEARD_AT_ONCE;
    const limit = mustWait ? MAX_WAITING_FOR_READING : MAX_WAITING_EVENTS;
    if (!mustWait && isInTurn) {
      this.#heardInTurn++;
      this.#hear(event);
    } else if (this.#waitingEvents.length < limit) this.#waitingEvents.push(event);
    else this.#waitingEvents = [{ type: "overrun" }];
    this.#wake();
  }

  /** A turn begins. */
  #hearWaiting(): void {
    const untilMs = this.#clock.nowMs() + HEARING_MS;
    let heard = 0;
    for (const event of this.#waitingEvents) {
      this.#hear(event);
      heard++;
      if (heard === EVENTS_PER_TURN) break;
      if (heard % EVENTS_PER_LOOK === 0 && this.#clock.nowMs() >= untilMs) break;
    }
    this.#waitingEvents.splice(0, heard);
    this.#heardInTurn = heard;
  }

  /**
   * With a device's last IPv4 address the kernel drops the IPv4 routes by it that name no object, without a word; with any
   * address those that have it as their source (fib_sync_down_dev and _addr in net/ipv4/fib_semantics.c). Hops have no IPv4.
   */
  #hearAddress(event: Extract<KernelEvent, { type: "address" }>): void {
    if (event.address.family === 6) this.#addresses.hear(event);
    else if (event.isDeleted && this.#fib.plainRoutes > 0) {
      this.#schedule.askLater("an IPv4 address was deleted", this.#clock.nowMs());
    }
  }

  #hear(event: KernelEvent): void {
    if (event.type === "link") {
      if (this.#device.hear(event.index, event.link)) this.#schedule.ask("the device has changed");
      else if (event.link !== null && this.#device.hasChanged(event.link)) this.#addresses.ask();
    } else if (event.type === "ipv6") {
      if (event.linkIndex === this.#device.link?.index) this.#addresses.ask();
    } else if (event.type === "address") this.#hearAddress(event);
    else if (event.type === "overrun") this.#schedule.insist("notifications were lost");
    else this.#news.hear(event, this.#device.link);
    this.#wake();
  }
}

function memoryProblems(refused: number): string[] {
  if (refused === 0) return [];
  return [
    `no memory was left ${refused} times for a route, which is not installed or not known: give the process more (MemoryMax=, ulimit -v), and restart it`,
  ];
}
