/**
 * Keeps the kernel's routes equal to what the client has in view.
 *
 *     start: links ─▶ reading ─▶ adopted
 *                                   │
 *              ┌────────────────────▼──────────────────────┐
 *              │ one step of the event loop, the first of: │
 *              │   a reading, if one is asked for and due   │◀── events that leave doubt, link up, overrun,
 *              │   rows to be marked                        │    failures that do, the interval
 *              │   a slice of changed rows                  │◀── the view, retries, routes deleted by others
 *              │   a slice of unneeded nexthops             │◀── a second after they have lost their last use
 *              └────────────────────────────────────────────┘
 *
 * While the device is down or away nothing can be done: the kernel has dropped the objects, and the IPv4 routes without
 * a word. When it is up again, the kernel is read and everything rebuilt.
 */

import { formatAddress } from "../net/address.ts";
import type { Prefix } from "../net/ip.ts";
import { formatPrefix } from "../net/prefix.ts";
import type { Route } from "../route/route.ts";
import type { Clock, Timer } from "../session/clock.ts";
import { type Logger, silentLogger } from "../session/logger.ts";
import { cleanUp } from "./cleanup.ts";
import { Fib } from "./fib.ts";
import { FibReading } from "./fib-reading.ts";
import type { FibTable } from "./fib-tables.ts";
import { formatOperation } from "./format-operation.ts";
import { type InstallerStatus, OperationCounts, statusOf } from "./installer-status.ts";
import { type Kernel, KernelError, type KernelEvent, type Link } from "./kernel.ts";
import { KernelNews } from "./kernel-news.ts";
import { LimitedLog } from "./limited-log.ts";
import { planGarbage, planLeftovers, planRows, type Step, type StepFailure, settle } from "./plan.ts";
import { SliceSize } from "./slice-size.ts";
import type { Wanted } from "./wanted-routes.ts";
import type { TableMapping, WantedSettings } from "./wanted-settings.ts";

export const DEFAULT_RECONCILE_INTERVAL_SECONDS = 300;
/** From the end of a reading to the start of the next, whatever happens. */
const READING_PAUSE_MS = 1_000;
/** A nexthop that lost its last use may be wanted again the next moment. */
const GARBAGE_AFTER_MS = 1_000;
/** After the socket itself has failed. */
const SOCKET_RETRY_MS = 1_000;

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
  readonly clock: Clock;
  readonly logger?: Logger;
}

export class Installer {
  readonly #options: InstallerOptions;
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #log: LimitedLog;
  readonly #fib: Fib;
  readonly #news: KernelNews;
  readonly #operations = new OperationCounts();
  readonly #slices = new SliceSize();
  #link: Link | null = null;
  #mappings: readonly TableMapping[];
  /** Events that came while the kernel was being read: what they tell is older than the book, or newer. */
  #waitingEvents: KernelEvent[] = [];
  /** Of the reading that is under way. */
  #reading: Promise<void> | null = null;
  /** Why the kernel is to be read; null: it is not. */
  #doubt: string | null = null;
  /** Anything may have changed, foreign routes come in place of ours among it: nothing is done before that is read. */
  #isBlind = false;
  #lastReadMs: number | null = null;
  #pausedUntilMs = 0;
  #garbageDueMs = Number.POSITIVE_INFINITY;
  #isStepDue = false;
  #alarm: Timer | null = null;
  #isStarted = false;
  #isStopped = false;
  /** Hops and pairs of VNI and table that were reported. */
  readonly #reported = new Set<string>();

  constructor(options: InstallerOptions) {
    this.#options = options;
    const { kernel, protocol, mappings, clock, logger = silentLogger } = options;
    this.#kernel = kernel;
    this.#clock = clock;
    this.#logger = logger;
    this.#log = new LimitedLog(logger, clock);
    this.#mappings = mappings;
    const { excludedTypes = [], nat = "plain", ipv4Only = false, preferredNetworks = [] } = options;
    const settings = { excludedTypes, nat, ipv4Only, preferredNetworks };
    this.#fib = new Fib(protocol, settings, (table, destination, wanted) =>
      this.#notePassedOver(table, destination, wanted),
    );
    this.#fib.setMappings(mappings);
    this.#news = new KernelNews(this.#fib, this.#log, (reason) => this.#doubtKernel(reason));
  }

  /**
   * Finds the device, reads what the kernel holds and adopts it; from then on the kernel follows the view.
   * @throws KernelError DEVICE_MISSING, and what the kernel's own reading throws
   */
  async start(): Promise<void> {
    const { device } = this.#options;
    this.#kernel.watch((event) => this.#heard(event));
    this.#link = await this.#findLink();
    if (this.#link === null) {
      throw new KernelError("DEVICE_MISSING", `there is no device ${device}: ${howToMakeTunnel(device)}`);
    }
    if (!this.#link.isUp) {
      this.#logger.warn("the tunnel device is down: no routes until it is up", { device });
    }
    await this.#read(this.#link.index);
    this.#isStarted = true;
    this.#logger.info("kernel routes read", this.#heldFields());
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
    this.#doubtKernel("other tables");
    this.#wake();
  }

  /** Reads the kernel, and makes it right. */
  reconcile(): void {
    this.#doubtKernel("asked for");
  }

  /** Resolves when the kernel is as wanted, but for what fails. */
  async stop({ cleanup }: { readonly cleanup: boolean }): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#alarm?.cancel();
    await this.#reading;
    if (!cleanup) return;
    const tables = [...new Set(this.#mappings.map(({ table }) => table))];
    const { protocol } = this.#options;
    const { routes, nexthops, kept, failures } = await cleanUp({
      kernel: this.#kernel,
      protocol,
      tables,
      clock: this.#clock,
    });
    this.#logger.info("kernel routes removed", { routes, nexthops });
    if (kept > 0) {
      this.#logger.warn("nexthops stay, for foreign routes name them", { nexthops: kept });
    }
    for (const { operation, message } of failures) {
      this.#log.warn("cannot be removed", { operation: this.#text(operation), message });
    }
  }

  status(): InstallerStatus {
    return statusOf(this.#fib, this.#operations, {
      device: this.#options.device,
      linkIndex: this.#link?.index ?? null,
      isUp: this.#link?.isUp ?? false,
      lastReadForMs: this.#lastReadMs === null ? null : this.#clock.nowMs() - this.#lastReadMs,
      isReading: this.#reading !== null,
    });
  }

  /** All views are complete, and the kernel has what is in them, but for what fails. */
  get isUpToDate(): boolean {
    const { tables, hasChanged, hasWalks } = this.#fib;
    const isSettled = [...tables.all()].every((table) => table.vnis.length === 0 || table.isSettled);
    return this.#isStarted && isSettled && !hasChanged && !hasWalks && this.#reading === null;
  }

  /** The destinations that cannot be made right, and why; at most `limit`. */
  faults(
    limit: number,
  ): { table: number; destination: Prefix; code: string; message: string; attempts: number }[] {
    const { retries, rows } = this.#fib;
    return [...retries.all()].slice(0, limit).map(([row, { code, message, attempts }]) => {
      return { table: rows.tableOf(row).id, destination: rows.prefixOf(row), code, message, attempts };
    });
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
    if (this.#isStopped || this.#reading !== null) return;
    this.#alarm?.cancel();
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#pausedUntilMs) {
      this.#sleep();
      return;
    }
    const interval = this.#intervalMs;
    if (this.#doubt === null && interval > 0 && nowMs - (this.#lastReadMs ?? nowMs) >= interval) {
      this.#doubt = "interval";
    }
    if (this.#doubt !== null && nowMs >= this.#nextReadingMs) {
      this.#reconcile(this.#doubt);
      return;
    }
    if (this.#link?.isUp && !this.#isBlind && this.#work(this.#link, nowMs)) this.#wake();
    else this.#sleep();
  }

  /** Does one slice. False: there is nothing to do now. */
  #work(link: Link, nowMs: number): boolean {
    const fib = this.#fib;
    const { size } = this.#slices;
    for (const row of fib.retries.takeDue(nowMs)) fib.markChanged(row);
    if (fib.hasWalks) fib.walk(size);
    else if (fib.hasLeftovers) this.#run(planLeftovers(fib, size), link);
    else if (fib.hasChanged) {
      this.#run(planRows(fib, fib.takeChanged(size)), link);
    } else if (!fib.nexthops.hasSuspects) {
      this.#garbageDueMs = Number.POSITIVE_INFINITY;
      return false;
    } else if (this.#garbageDueMs === Number.POSITIVE_INFINITY) {
      this.#garbageDueMs = nowMs + GARBAGE_AFTER_MS;
      return false;
    } else if (nowMs < this.#garbageDueMs) return false;
    else {
      const steps = planGarbage(fib, size, ({ id }) => {
        this.#log.warn("a nexthop of ours stays, for foreign routes name it", { id });
      });
      this.#run(steps, link);
    }
    return true;
  }

  #run(steps: readonly Step[], link: Link): void {
    if (steps.length === 0) return;
    const startMs = this.#clock.nowMs();
    try {
      const failures = this.#kernel.apply(
        steps.map(({ operation }) => operation),
        link.index,
      );
      this.#operations.count(steps, failures);
      const outcome = settle(this.#fib, steps, failures, startMs);
      this.#slices.took(this.#clock.nowMs() - startMs, steps.length);
      for (const failure of outcome.failures) this.#noteFailure(failure);
      if (outcome.isDoubtful) this.#doubtKernel("operations failed");
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      // How far it came nobody knows: the rows are looked at again by the reading.
      this.#socketFailed(error);
    }
  }

  /** Sets the alarm to when there is something to do again without being woken. */
  #sleep(): void {
    const nowMs = this.#clock.nowMs();
    const interval = this.#intervalMs;
    const dues = [this.#pausedUntilMs > nowMs ? this.#pausedUntilMs : Number.POSITIVE_INFINITY];
    if (this.#doubt !== null) dues.push(this.#nextReadingMs);
    if (interval > 0) dues.push((this.#lastReadMs ?? nowMs) + interval);
    if (this.#link?.isUp && !this.#isBlind) dues.push(this.#fib.retries.nextDueMs, this.#garbageDueMs);
    const dueMs = Math.max(Math.min(...dues), this.#pausedUntilMs);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#alarm = this.#clock.after(Math.max(0, dueMs - nowMs), () => this.#wake());
  }

  // Readings.

  #doubtKernel(reason: string): void {
    this.#doubt ??= reason;
    this.#wake();
  }

  get #intervalMs(): number {
    return (this.#options.reconcileIntervalSeconds ?? DEFAULT_RECONCILE_INTERVAL_SECONDS) * 1000;
  }

  get #nextReadingMs(): number {
    return (this.#lastReadMs ?? Number.NEGATIVE_INFINITY) + READING_PAUSE_MS;
  }

  #reconcile(reason: string): void {
    this.#doubt = null;
    this.#reading = this.#reconciled(reason)
      .catch((error: unknown) => this.#socketFailed(error))
      .finally(() => {
        this.#reading = null;
        this.#wake();
      });
  }

  async #reconciled(reason: string): Promise<void> {
    const link = await this.#findLink();
    this.#tellLink(link);
    this.#link = link;
    if (link === null || !link.isUp) {
      this.#lastReadMs = this.#clock.nowMs();
      this.#hearWaiting();
      return;
    }
    const before = { ...this.#fib.drift };
    await this.#read(link.index);
    const drift = Object.entries(this.#fib.drift)
      .map(([kind, count]) => [kind, count - before[kind as keyof typeof before]] as const)
      .filter(([, count]) => count > 0);
    if (drift.length > 0) {
      this.#logger.warn("the kernel's routes had drifted; they are repaired", {
        reason,
        ...Object.fromEntries(drift),
      });
    } else this.#logger.debug("kernel routes read", { reason, ...this.#heldFields() });
  }

  async #read(linkIndex: number): Promise<void> {
    const isAllChanged = this.#fib.setLocalAddresses(await this.#kernel.localAddresses());
    const reading = new FibReading(this.#fib, linkIndex, isAllChanged);
    await this.#kernel.eachNexthop((nexthop) => reading.visitNexthop(nexthop));
    reading.nexthopsRead();
    await this.#kernel.eachRoute((route) => reading.visitRoute(route));
    for (const _ of reading.finish()) await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#lastReadMs = this.#clock.nowMs();
    this.#isBlind = false;
    this.#hearWaiting();
  }

  async #findLink(): Promise<Link | null> {
    const links = await this.#kernel.links();
    return links.find(({ name }) => name === this.#options.device) ?? null;
  }

  #socketFailed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#log.warn("the kernel cannot be spoken to; it is tried again", { message });
    this.#pausedUntilMs = this.#clock.nowMs() + SOCKET_RETRY_MS;
    this.#lastReadMs = this.#clock.nowMs();
    this.#doubtKernel("socket failed");
  }

  // Events.

  #heard(event: KernelEvent): void {
    if (this.#isStopped) return;
    if (this.#reading !== null || !this.#isStarted) this.#waitingEvents.push(event);
    else this.#hear(event);
  }

  #hearWaiting(): void {
    const events = this.#waitingEvents;
    this.#waitingEvents = [];
    for (const event of events) this.#hear(event);
  }

  #hear(event: KernelEvent): void {
    if (event.type === "link") this.#linkChanged(event.index, event.link);
    else if (event.type === "overrun") {
      this.#isBlind = true;
      this.#doubtKernel("notifications were lost");
    } else this.#news.hear(event, this.#link?.isUp ?? false);
    this.#wake();
  }

  /** The device is found by its name: when it was made anew, it has another index. */
  #linkChanged(index: number, link: Link | null): void {
    const isOurs = index === this.#link?.index || link?.name === this.#options.device;
    if (!isOurs) return;
    const isSame = link !== null && this.#link !== null && link.index === this.#link.index;
    if (isSame && link.name === this.#options.device && link.isUp === this.#link?.isUp) return;
    if (index === this.#link?.index && !link?.isUp) {
      this.#tellLink(link);
      this.#link = link;
    }
    this.#doubtKernel("the device has changed");
  }

  #tellLink(link: Link | null): void {
    const wasUp = this.#link?.isUp ?? false;
    const { device } = this.#options;
    if (wasUp && !link?.isUp) {
      const state = link === null ? "gone" : "down";
      this.#logger.error("the tunnel device is no longer up: its routes are gone until it is", {
        device,
        state,
      });
    } else if (!wasUp && link?.isUp) this.#logger.info("the tunnel device is up", { device });
    else if (link?.isUp && link.index !== this.#link?.index) {
      this.#logger.warn("the tunnel device was made anew", { device });
    }
  }

  // Reports.

  #noteFailure({ operation, code, message, kind, attempts }: StepFailure): void {
    const fields = { operation: this.#text(operation), code, message };
    if (attempts > 1) this.#logger.debug("still fails", { ...fields, attempts });
    else if (kind === "collision")
      this.#log.warn("something foreign is in the way; it is not touched", fields);
    else if (kind === "dependent") this.#logger.debug("cannot be installed without its nexthop", fields);
    else this.#log.warn("the kernel refuses; it is tried again", fields);
  }

  #notePassedOver(table: FibTable, destination: Prefix, { shadowed, skipped, refusedHops }: Wanted): void {
    const text = formatPrefix(destination);
    for (const { address, reason } of refusedHops) {
      const nextHop = formatAddress(address);
      this.#once(`hop ${nextHop}`, "a next hop is not installed", { nextHop, reason, destination: text });
    }
    if (shadowed > 0) {
      const fields = { table: table.id, destination: text };
      this.#once(
        `shadow ${table.id}`,
        "several VNIs of a table have a destination; the first mapped wins",
        fields,
      );
    }
    const left = skipped?.get("tooManyHops");
    if (left !== undefined) {
      const fields = { table: table.id, destination: text, leftOut: left };
      this.#log.warn("a destination has more next hops than a group can hold", fields);
    }
  }

  #once(key: string, message: string, fields: Record<string, string | number>): void {
    if (this.#reported.has(key)) this.#logger.debug(message, fields);
    else this.#log.warn(message, fields);
    this.#reported.add(key);
  }

  #text(operation: Step["operation"]): string {
    return formatOperation(operation, this.#options.protocol, this.#options.device);
  }

  #heldFields(): Record<string, number> {
    const { nexthops, tables } = this.#fib;
    let routes = 0;
    for (const { counts } of tables.all()) routes += counts[4].installed + counts[6].installed;
    return { routes, objects: nexthops.objectCount, groups: nexthops.groupCount };
  }
}

function howToMakeTunnel(device: string): string {
  return `make it by "ip link add ${device} type ip6tnl mode any external" and "ip link set ${device} up", or name another with --tun`;
}
