/**
 * Keeps the kernel's routes equal to the client's view.
 *
 *     start: links ─▶ scan ─▶ adopted
 *                                   │
 *              ┌────────────────────▼───────────────────────┐
 *              │ one turn of the event loop:                │
 *              │   notifications that have waited           │◀── the kernel
 *              │   a scan, if one is due, or else           │◀── events that leave doubt, link up, overrun,
 *              │   steps until the turn's time is used:     │    failures that leave doubt, the interval
 *              │     rows to be marked                      │
 *              │     changed rows                           │◀── the view, retries, routes deleted by others
 *              │     unneeded nexthops                      │◀── a second after they have lost their last use
 *              └────────────────────────────────────────────┘
 *
 * While the device is down or missing nothing can be installed: the kernel has dropped the objects, and the IPv4 routes,
 * without notification. When it is up again, the kernel is scanned and everything rebuilt.
 */

import type { Clock, Timer } from "../../base/clock.ts";
import { eventLog } from "../../base/log-event.ts";
import { type Logger, silentLogger } from "../../base/logger.ts";
import {
  KERNEL_EVENTS_MS,
  KERNEL_EVENTS_PER_TURN,
  KERNEL_OPERATIONS_MS,
  KERNEL_ROWS_PER_TURN,
} from "../../base/turn-budget.ts";
import type { ClientView } from "../../client/view/client-view.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { KERNEL_OPTIONS } from "../../options/kernel-options.ts";
import type { Route } from "../../route/route.ts";
import type { DesiredSettings, TableMapping } from "../desired/settings.ts";
import { Fib } from "../fib/fib.ts";
import { type Kernel, KernelError, type KernelEvent } from "../kernel.ts";
import type { NotificationContext } from "../objects/object-kind.ts";
import { ObjectKinds } from "../objects/object-kinds.ts";
import type { KernelOptionNames } from "../option-names.ts";
import { Applier } from "./applier.ts";
import { cleanUp } from "./cleanup.ts";
import { type Comparison, compareWithKernel } from "./comparison.ts";
import { InstallerLog } from "./installer-log.ts";
import { type KernelRow, type KernelRowSelection, kernelRows, kernelRowTo } from "./kernel-row.ts";
import { LocalAddresses } from "./local-addresses.ts";
import { MultipathHash } from "./multipath-hash.ts";
import { RoutesInTheWay } from "./routes-in-the-way.ts";
import { ScanSchedule } from "./scan-schedule.ts";
import { Scans } from "./scans.ts";
import { faultsOf, type InstallerStatus, type KernelFault, statusOf } from "./status.ts";
import { TunnelDevice } from "./tunnel-device.ts";

/** How many events wait for the end of a scan. More are treated as lost: then the kernel is scanned once more. */
const MAX_WAITING_FOR_SCAN = 10_000;
/** How many events wait for their turn. */
const MAX_WAITING_EVENTS = 100_000;
/** How many events are handled as they arrive; more wait for the next turn of the event loop. Each takes some 10 µs at most. */
const EVENTS_HANDLED_AT_ONCE = 64;
/** How many events are handled between two checks of the clock. */
const EVENTS_PER_LOOK = 16;

export interface InstallerOptions extends Partial<DesiredSettings> {
  readonly kernel: Kernel;
  /** The route protocol, 1 to 255. The caller holds its lock (lock.ts). */
  readonly protocol: number;
  /** The tunnel's name, as "ip6tnl0". */
  readonly device: string;
  /** No VNI is mapped to two tables. */
  readonly mappings: readonly TableMapping[];
  /** How often the kernel is scanned without other reason; 0: never. Default 300. */
  readonly reconcileIntervalSeconds?: number;
  /** The names of options in messages. Default: those of the library. */
  readonly optionNames?: KernelOptionNames;
  readonly clock: Clock;
  readonly logger?: Logger;
}

export class Installer {
  readonly #options: InstallerOptions;
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #log: InstallerLog;
  readonly #device: TunnelDevice;
  readonly #fib: Fib;
  readonly #kinds: ObjectKinds;
  readonly #addresses: LocalAddresses;
  readonly #schedule: ScanSchedule;
  readonly #applier: Applier;
  readonly #scans: Scans;
  readonly #inTheWay: RoutesInTheWay;
  readonly #multipathHash: MultipathHash;
  #mappings: readonly TableMapping[];
  /**
   * Events that arrived during a scan, when it is not known whether they are older or newer than what the scan has met; or
   * more events than a turn of the event loop has time for. Nothing is changed in the kernel before they are handled.
   */
  #waitingEvents: KernelEvent[] = [];
  #handledInTurn = 0;
  #isStepDue = false;
  #alarm: Timer | null = null;
  /** Callbacks of {@link onceUpToDate}. */
  readonly #upToDateCallbacks = new Set<() => void>();
  /** The last comparison that was asked for. */
  #comparing: Promise<unknown> = Promise.resolve();
  #isStarted = false;
  #isStopped = false;

  constructor(options: InstallerOptions) {
    this.#options = options;
    const { kernel, protocol, device, mappings, optionNames, clock, logger = silentLogger } = options;
    const { reconcileIntervalSeconds = KERNEL_OPTIONS.reconcileSeconds.default } = options;
    const { excludedTypes = [], nat = "plain", ipv4Only = false, preferredNetworks = [] } = options;
    const { ecmp = "plain" } = options;
    this.#kernel = kernel;
    this.#clock = clock;
    this.#log = new InstallerLog(logger, clock, protocol, device);
    this.#device = new TunnelDevice(device, eventLog(logger), optionNames);
    this.#schedule = new ScanSchedule(reconcileIntervalSeconds * 1000, clock.nowMs());
    this.#mappings = mappings;
    const settings = { excludedTypes, nat, ipv4Only, preferredNetworks, ecmp };
    this.#fib = new Fib(
      protocol,
      settings,
      (table, destination, desired) => this.#log.skipped(table, destination, desired),
      (table, destination) => this.#log.foughtOver(table, destination),
      (destination) => this.#log.memoryRefused(destination),
    );
    this.#kinds = new ObjectKinds(this.#fib);
    this.#fib.setMappings(mappings);
    this.#multipathHash = new MultipathHash(this.#fib, kernel, eventLog(logger));
    this.#addresses = new LocalAddresses(this.#fib, kernel, clock);
    // If another program has caused a failure, a notification arrives within a moment: then no scan is needed.
    const requestScanSoon = (reason: string) => this.#schedule.askLater(reason, clock.nowMs());
    this.#inTheWay = new RoutesInTheWay(this.#fib, kernel, clock, {
      named: (failure, inTheWay) => this.#log.failure(failure, inTheWay),
      oursFound: () => {
        if (this.#scans.isUnderWay) return;
        requestScanSoon("a route of ours was not known");
        this.#wake();
      },
    });
    const parts = { fib: this.#fib, kinds: this.#kinds, kernel, clock, log: this.#log };
    this.#applier = new Applier({ ...parts, inTheWay: this.#inTheWay, requestScan: requestScanSoon });
    const scanned = { device: this.#device, addresses: this.#addresses, schedule: this.#schedule };
    this.#scans = new Scans({ ...parts, ...scanned }, () => this.#wake());
  }

  /**
   * Finds the device, scans the kernel and adopts what is there; from then on the kernel follows the view.
   * @throws KernelError DEVICE_MISSING, and what scanning the kernel throws
   */
  async start(): Promise<void> {
    this.#kernel.watch((event) => this.#receive(event));
    await this.#scans.first();
    this.#isStarted = true;
    this.#log.started(this.#fib);
    this.#wake();
  }

  /** Reads the desired routes from this view from now on. Called before the first of the events below. */
  follow(view: ClientView): void {
    this.#fib.follow(view);
    this.#wake();
  }

  /** Takes up a route that came into view. */
  added(route: Route): void {
    this.#fib.added(route);
    this.#wake();
  }

  /** Takes up that a route left the view. */
  removed(route: Route): void {
    this.#fib.removed(route);
    this.#wake();
  }

  /** Takes up that the client announces a route itself, or no longer: meanwhile received ones to its destination are skipped. */
  announcementChanged(route: Route): void {
    this.#fib.announcementChanged(route);
    this.#wake();
  }

  /** Keeps a server's address reachable: no route in the host's own table may cover it. */
  keepReachable(address: IpAddress): void {
    this.#fib.keepReachable(address);
    this.#wake();
  }

  /** Records that the view of a VNI is complete: routes that were found in the kernel and are not in the view may be deleted. */
  complete(vni: number): void {
    this.#fib.complete(vni);
    this.#wake();
  }

  /** Replaces the mappings. Routes of VNIs that were not mapped before are known already. */
  setMappings(mappings: readonly TableMapping[]): void {
    this.#mappings = mappings;
    this.#fib.setMappings(mappings);
    // What our predecessor, or another program, has in a table that is new to us was ignored by earlier scans.
    this.#requestScan("other tables");
  }

  /** Scans the kernel, and corrects what differs. */
  reconcile(): void {
    this.#requestScan("asked for");
  }

  /** Stops. With `cleanup`, all that is ours is removed first; nothing else is changed in the kernel from now on. */
  async stop({ cleanup }: { readonly cleanup: boolean }): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#alarm?.cancel();
    this.#inTheWay.stop();
    await this.#scans.untilIdle();
    if (!cleanup) return;
    const tables = [...new Set(this.#mappings.map(({ table }) => table))];
    const { protocol } = this.#options;
    this.#log.cleanedUp(await cleanUp({ kernel: this.#kernel, protocol, tables, clock: this.#clock }));
  }

  status(): InstallerStatus {
    const { lastMs } = this.#schedule;
    return statusOf(this.#fib, this.#applier.operations, {
      device: this.#options.device,
      linkIndex: this.#device.link?.index ?? null,
      isUp: this.#device.isUp,
      problems: [...this.#device.problems, ...memoryProblems(this.#fib.refusedMemory)],
      lastScanForMs: lastMs === null ? null : this.#clock.nowMs() - lastMs,
      isScanning: this.#scans.isUnderWay,
      ecmpProblem: this.#multipathHash.problem,
    });
  }

  /** Whether all views are complete, and the kernel has what is in them, except for what fails. */
  get isUpToDate(): boolean {
    const { tables, changes } = this.#fib;
    const isSettled = [...tables.all()].every((table) => table.vnis.length === 0 || table.mayPrune);
    return this.#isStarted && isSettled && !changes.hasRows && !changes.hasWalks && !this.#scans.isUnderWay;
  }

  /** Calls `run` once, as soon as {@link isUpToDate} is true. Returns a function that cancels this. */
  onceUpToDate(run: () => void): () => void {
    this.#upToDateCallbacks.add(run);
    this.#reportUpToDate();
    return () => this.#upToDateCallbacks.delete(run);
  }

  #reportUpToDate(): void {
    if (this.#upToDateCallbacks.size === 0 || !this.isUpToDate) return;
    const callbacks = [...this.#upToDateCallbacks];
    this.#upToDateCallbacks.clear();
    for (const run of callbacks) run();
  }

  /** The destinations that cannot be installed, changed or deleted, and why; at most `limit`. */
  faults(limit: number): KernelFault[] {
    return faultsOf(this.#fib, limit, this.#device.refusalCauses);
  }

  /** Why packets or routes do not leave by the tunnel device, each with what helps. */
  get deviceProblems(): readonly string[] {
    return this.#device.problems;
  }

  /** The table to which the VNI is mapped; null if it is not mapped. */
  tableOf(vni: number): number | null {
    return this.#fib.tables.ofVni(vni)?.id ?? null;
  }

  /** What is known about the destination of a VNI; null if nothing is. */
  rowOf(vni: number, destination: Prefix): KernelRow | null {
    return kernelRowTo(this.#fib, vni, destination, this.#device.refusalCauses);
  }

  /** Rows, one at a time. The walk may pause. */
  rows(selection?: KernelRowSelection): Iterable<KernelRow> {
    return kernelRows(this.#fib, () => this.#device.refusalCauses, selection);
  }

  /** Dumps the kernel's routes and compares them with what is desired, without any change. One comparison runs at a time. */
  compare(limit: number): Promise<Comparison> {
    const before = this.#comparing;
    const comparison = before.then(() =>
      compareWithKernel({
        fib: this.#fib,
        kernel: this.#kernel,
        clock: this.#clock,
        link: this.#device.link,
        deviceCauses: this.#device.refusalCauses,
        limit,
      }),
    );
    this.#comparing = comparison.catch(() => {});
    return comparison;
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
    if (this.#isStopped || this.#scans.isUnderWay) return;
    this.#alarm?.cancel();
    this.#handleWaiting();
    // What is older than a scan must not be handled after it, as if the device had gone down again.
    if (!this.#kernel.poll() || this.#waitingEvents.length > 0) {
      this.#wake();
      return;
    }
    const nowMs = this.#clock.nowMs();
    if (this.#scans.begin(nowMs)) return;
    if (this.#work(nowMs)) this.#wake();
    else {
      this.#sleep(this.#clock.nowMs());
      this.#reportUpToDate();
    }
  }

  get #mayWork(): boolean {
    return this.#device.isUp && !this.#schedule.isUrgent;
  }

  /** Applies as many steps as there is time for in this turn of the event loop. Returns false if nothing is left to do now. */
  #work(nowMs: number): boolean {
    const untilMs = nowMs + KERNEL_OPERATIONS_MS;
    try {
      for (let handled = 0; handled < KERNEL_ROWS_PER_TURN; ) {
        // A notification that is not read yet may change the plan.
        if (!this.#kernel.poll() || this.#waitingEvents.length > 0) return true;
        const { link } = this.#device;
        if (link === null || !this.#mayWork) return false;
        const count = this.#applier.step(link.index);
        if (count === 0) return false;
        handled += count;
        if (this.#clock.nowMs() >= untilMs) return true;
      }
      return true;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      // The scan looks at the rows again.
      this.#scans.failed(error);
      this.#wake();
      return false;
    }
  }

  /** Sets the alarm for the time when there is something to do again, if no event comes before. */
  #sleep(nowMs: number): void {
    this.#multipathHash.look();
    const workDueMs = this.#mayWork ? this.#applier.dueMs : Number.POSITIVE_INFINITY;
    const dueMs = Math.min(this.#scans.dueMs, workDueMs);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#alarm = this.#clock.after(Math.max(0, dueMs - nowMs), () => this.#wake());
  }

  #requestScan(reason: string): void {
    this.#schedule.ask(reason);
    this.#wake();
  }

  // Events.

  #receive(event: KernelEvent): void {
    if (this.#isStopped) return;
    if (this.#kinds.isKnown(event)) return;
    const mustWait = this.#scans.isUnderWay || !this.#isStarted;
    const isInTurn = this.#waitingEvents.length === 0 && this.#handledInTurn < EVENTS_HANDLED_AT_ONCE;
    const limit = mustWait ? MAX_WAITING_FOR_SCAN : MAX_WAITING_EVENTS;
    if (!mustWait && isInTurn) {
      this.#handledInTurn++;
      this.#handle(event);
    } else if (this.#waitingEvents.length < limit) this.#waitingEvents.push(event);
    else this.#waitingEvents = [{ type: "overrun" }];
    this.#wake();
  }

  /** Handles events that have waited, within the limits of one turn. */
  #handleWaiting(): void {
    const untilMs = this.#clock.nowMs() + KERNEL_EVENTS_MS;
    let handled = 0;
    for (const event of this.#waitingEvents) {
      this.#handle(event);
      handled++;
      if (handled === KERNEL_EVENTS_PER_TURN) break;
      if (handled % EVENTS_PER_LOOK === 0 && this.#clock.nowMs() >= untilMs) break;
    }
    this.#waitingEvents.splice(0, handled);
    this.#handledInTurn = handled;
  }

  /**
   * With a device's last IPv4 address the kernel drops, without notification, the IPv4 routes by it that name no object; with
   * any address, those that have it as their source (fib_sync_down_dev and _addr in net/ipv4/fib_semantics.c). Hops have none.
   */
  #handleAddress(event: Extract<KernelEvent, { type: "address" }>): void {
    if (event.address.family === 6) this.#addresses.handle(event);
    else if (event.isDeleted && this.#fib.plainRoutes > 0) {
      this.#schedule.askLater("an IPv4 address was deleted", this.#clock.nowMs());
    }
  }

  #notificationContext(): NotificationContext {
    return {
      link: this.#device.link,
      nowMs: this.#clock.nowMs(),
      log: this.#log.limited,
      requestScan: (reason) => this.#requestScan(reason),
    };
  }

  #handle(event: KernelEvent): void {
    if (event.type === "link") {
      if (this.#device.handle(event.index, event.link)) this.#schedule.ask("the device has changed");
      else if (event.link !== null && this.#device.hasChanged(event.link)) this.#addresses.ask();
    } else if (event.type === "ipv6") {
      if (event.linkIndex === this.#device.link?.index) this.#addresses.ask();
    } else if (event.type === "address") this.#handleAddress(event);
    else if (event.type === "overrun") this.#schedule.insist("notifications were lost");
    else this.#kinds.notify(event, this.#notificationContext());
    this.#wake();
  }
}

function memoryProblems(refused: number): string[] {
  if (refused === 0) return [];
  return [
    `no memory was left ${refused} times for a route, which is not installed or not known: give the process more (MemoryMax=, ulimit -v), and restart it`,
  ];
}
