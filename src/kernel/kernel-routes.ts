/**
 * Installs a client's routes in the kernel. Opened before the client connects, closed after it:
 *
 *     lock ─▶ netlink ─▶ device ─▶ the kernel is scanned ─▶ the client connects … closes ─▶ cleanup, if requested
 *
 * What is missing at the start is an error. Later failures are not: the installer reports them and tries again.
 */

import { ClosedError } from "../base/bunbond-error.ts";
import { reserveLargeArrays } from "../base/growable-int32-array.ts";
import type { ClientHandler } from "../client/events.ts";
import type { ServerState } from "../client/link/server-link.ts";
import { type ClientView, FOLLOW_VIEW, type ViewFollower } from "../client/view/client-view.ts";
import { LARGE_ARRAYS_OF_VIEW } from "../client/view/merged-view.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { Prefix } from "../net/ip.ts";
import { KERNEL_OPTIONS } from "../options/kernel-options.ts";
import type { Route } from "../route/route.ts";
import { SystemClock } from "../transport/schedule/system-clock.ts";
import type { TableMapping } from "./desired/settings.ts";
import { dryRunKernel } from "./dry-run-kernel.ts";
import { LARGE_ARRAYS_OF_FIB_ROWS } from "./fib/rows.ts";
import { type Kernel, KernelError } from "./kernel.ts";
import { lockProtocol, type ProtocolLock } from "./lock.ts";
import { RT_TABLE_MAIN } from "./netlink/netlink-constants.ts";
import { NetlinkKernel } from "./netlink/netlink-kernel.ts";
import type { KernelCloseOptions, KernelRoutesOptions } from "./options.ts";
import { checkKernelCloseOptions, checkKernelOptions, checkMappings } from "./options.ts";
import type { Comparison } from "./reconcile/comparison.ts";
import { Installer } from "./reconcile/installer.ts";
import type { KernelRow, KernelRowSelection } from "./reconcile/kernel-row.ts";
import type { InstallerStatus, KernelFault } from "./reconcile/status.ts";
import { lookUpAddresses, ServerAddresses } from "./server-addresses.ts";
import { untilUpToDate } from "./until-up-to-date.ts";

const MAX_FAULTS = 100;

const NO_CLIENT =
  "kernel routes read a client's view: give them to Client.connect as its handler, or one of its handlers";

/**
 * Keeps routes of the kernel equal to a client's view. It is given to `Client.connect` as its handler, and closed after the
 * client. The client has to subscribe to the VNIs itself.
 */
export class KernelRoutes implements Required<ClientHandler>, ViewFollower {
  readonly #installer: Installer;
  readonly #kernel: Kernel;
  /** Null if it is a dry run. */
  readonly #lock: ProtocolLock | null;
  readonly #servers: ServerAddresses;
  readonly #closing = new AbortController();
  #closed: Promise<void> | null = null;
  #followsView = false;

  private constructor(
    installer: Installer,
    kernel: Kernel,
    lock: ProtocolLock | null,
    mappings: readonly TableMapping[],
  ) {
    this.#installer = installer;
    this.#kernel = kernel;
    this.#lock = lock;
    this.#servers = new ServerAddresses(lookUpAddresses, (address) => installer.keepReachable(address));
    this.#servers.need(hasMain(mappings));
  }

  /**
   * Scans the kernel and takes over the routes of an earlier client: they are deleted when the view is complete and does not
   * have them.
   *
   * Rejects with a KernelError when something is missing or another client has the protocol, with a BadOptionError or a
   * BadRouteError for options that make no sense.
   */
  static async open(options: KernelRoutesOptions): Promise<KernelRoutes> {
    checkKernelOptions(options);
    const { device, protocol = KERNEL_OPTIONS.routeProtocol.default, dryRun, optionNames, ecmp } = options;
    // For the client's view, and the FIB model.
    reserveLargeArrays(LARGE_ARRAYS_OF_VIEW + LARGE_ARRAYS_OF_FIB_ROWS);
    // A dry run may run beside a client.
    const lock = dryRun === undefined ? lockProtocol(protocol, optionNames) : null;
    try {
      const kernel = NetlinkKernel.open({
        protocol,
        isReadOnly: dryRun !== undefined,
        needsResilientGroups: ecmp === "resilient",
        ...(optionNames && { optionNames }),
      });
      try {
        const changed = dryRun === undefined ? kernel : dryRunKernel(kernel, protocol, device, dryRun);
        const installer = await startInstaller(changed, { ...options, protocol });
        return new KernelRoutes(installer, kernel, lock, options.mappings);
      } catch (error) {
        kernel.close();
        throw error;
      }
    } catch (error) {
      lock?.release();
      throw error;
    }
  }

  /** Reads the client's view from now on. */
  [FOLLOW_VIEW](view: ClientView): void {
    this.#followsView = true;
    this.#installer.follow(view);
  }

  /** Installs a route. Called by the client, as its handler. */
  routeAdded(route: Route): void {
    this.#checkFollows();
    this.#installer.added(route);
  }

  /** Removes a route. Called by the client, as its handler. */
  routeRemoved(route: Route): void {
    this.#checkFollows();
    this.#installer.removed(route);
  }

  /** Skips received routes to that destination from now on. Called by the client, as its handler. */
  announced(route: Route): void {
    this.#checkFollows();
    this.#installer.announcementChanged(route);
  }

  /** Installs received routes to that destination again. Called by the client, as its handler. */
  withdrawn(route: Route): void {
    this.#checkFollows();
    this.#installer.announcementChanged(route);
  }

  /** Deletes routes that were found in the kernel and are not in the view. Called by the client, as its handler. */
  complete(vni: number): void {
    this.#installer.complete(vni);
  }

  /** Keeps a server reachable to which the client connects: see server-addresses.ts. Called by the client, as its handler. */
  serverState({ host }: Endpoint, state: ServerState): void {
    if (state === "connecting") this.#servers.connecting(host);
  }

  /**
   * Replaces the mappings.
   * @throws BadOptionError, BadRouteError
   */
  setMappings(mappings: readonly TableMapping[]): void {
    checkMappings(mappings);
    this.#installer.setMappings(mappings);
    this.#servers.need(hasMain(mappings));
  }

  /** All views are complete, and what is in them is installed, but for what fails: traffic may come. */
  get isUpToDate(): boolean {
    return this.#installer.isUpToDate;
  }

  /**
   * Resolves when {@link isUpToDate} is true: for `Client.connect`'s `announceWhen`. Rejects with the signal's reason when that
   * aborts, with a ClosedError when this is closed before.
   * @throws BadOptionError for a `signal` that is not an AbortSignal
   */
  upToDate(signal?: AbortSignal): Promise<void> {
    return untilUpToDate((run) => this.#installer.onceUpToDate(run), this.#closing.signal, signal);
  }

  /** What is desired, installed and skipped, by table; and what has been done. */
  status(): InstallerStatus {
    return this.#installer.status();
  }

  /** The destinations that cannot be installed, changed or deleted; at most `limit`. Default 100. */
  faults(limit = MAX_FAULTS): KernelFault[] {
    return this.#installer.faults(limit);
  }

  /** Why packets or routes do not leave by the tunnel device, each with what helps; empty if no reason is known. */
  get deviceProblems(): readonly string[] {
    return this.#installer.deviceProblems;
  }

  /** Returns the table to which the VNI is mapped; null if it is not mapped. */
  tableOf(vni: number): number | null {
    return this.#installer.tableOf(vni);
  }

  /**
   * Returns what is known about a destination: what is desired, what of ours is in the kernel, and why they differ. Null if nothing
   * is desired or installed there, nor skipped.
   */
  rowOf(vni: number, destination: Prefix): KernelRow | null {
    return this.#installer.rowOf(vni, destination);
  }

  /** Iterates over destinations. The walk may pause while they change: one that is there all the time comes once. */
  rows(selection?: KernelRowSelection): Iterable<KernelRow> {
    return this.#installer.rows(selection);
  }

  /**
   * Dumps the kernel's routes and compares them with what is desired; nothing is changed. Names at most `limit` differences.
   * Rejects with a KernelError when the kernel cannot be read.
   */
  compare(limit = MAX_FAULTS): Promise<Comparison> {
    return this.#installer.compare(limit);
  }

  /**
   * Ends the installation; call it after the client was closed. Rejects if routes were to be removed and could not be; and
   * with a BadOptionError, and then nothing has ended.
   */
  async close(options: KernelCloseOptions = {}): Promise<void> {
    checkKernelCloseOptions(options);
    this.#closing.abort(new ClosedError("installer"));
    this.#closed ??= this.#close(options.cleanup ?? false);
    await this.#closed;
  }

  /** `await using kernel = await KernelRoutes.open(…)` closes it at the end of the block; the routes stay. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** An event says only what has changed: the routes themselves are read from the view. */
  #checkFollows(): void {
    if (!this.#followsView) throw new KernelError("NO_CLIENT", NO_CLIENT);
  }

  async #close(cleanup: boolean): Promise<void> {
    try {
      // A dry run has installed nothing.
      await this.#installer.stop({ cleanup: cleanup && this.#lock !== null });
    } finally {
      this.#kernel.close();
      this.#lock?.release();
    }
  }
}

function hasMain(mappings: readonly TableMapping[]): boolean {
  return mappings.some(({ table }) => table === RT_TABLE_MAIN);
}

async function startInstaller(
  kernel: Kernel,
  options: KernelRoutesOptions & { readonly protocol: number },
): Promise<Installer> {
  const { dryRun } = options;
  const installer = new Installer({
    ...options,
    kernel,
    // A scan would miss what a dry run only pretends to have done.
    ...(dryRun && { reconcileIntervalSeconds: 0 }),
    clock: new SystemClock(),
  });
  await installer.start();
  return installer;
}
