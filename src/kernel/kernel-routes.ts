/**
 * A client's hand on the kernel, from before it connects until everything else of it has ended:
 *
 *     lock ─▶ netlink ─▶ device ─▶ what is there is read ─▶ the client connects … closes ─▶ cleanup, if asked for
 *
 * What is missing at the start is an error. Later nothing is: the installer reports and tries again.
 */

import { reserveLargeArrays } from "../base/growable-int32-array.ts";
import type { ClientHandler } from "../client/events.ts";
import type { ServerState } from "../client/link/server-link.ts";
import { LARGE_ARRAYS_OF_VIEW } from "../client/view/merged-view.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { Route } from "../route/route.ts";
import { LARGE_ARRAYS_OF_TABLE } from "../route/table/route-table.ts";
import { SystemClock } from "../transport/schedule/system-clock.ts";
import type { TableMapping } from "./desired/settings.ts";
import { LARGE_ARRAYS_OF_FIB_ROWS } from "./fib/rows.ts";
import { dryRunKernel } from "./format-operation.ts";
import type { Kernel } from "./kernel.ts";
import { lockProtocol, type ProtocolLock } from "./lock.ts";
import { RT_TABLE_MAIN } from "./netlink/netlink-constants.ts";
import { NetlinkKernel } from "./netlink/netlink-kernel.ts";
import type { KernelCloseOptions, KernelRoutesOptions } from "./options.ts";
import { checkKernelCloseOptions, checkKernelOptions, checkMappings, DEFAULT_PROTOCOL } from "./options.ts";
import { Installer } from "./reconcile/installer.ts";
import type { InstallerStatus, KernelFault } from "./reconcile/status.ts";
import { lookUpAddresses, ServerAddresses } from "./server-addresses.ts";

const MAX_FAULTS = 100;

/**
 * Keeps routes of the kernel equal to a client's view: to be given to `Client.connect` as its handler, and closed after
 * the client. The client has to subscribe to the VNIs by itself.
 */
export class KernelRoutes implements Required<ClientHandler> {
  readonly #installer: Installer;
  readonly #kernel: Kernel;
  /** Null: it is a dry run. */
  readonly #lock: ProtocolLock | null;
  readonly #servers: ServerAddresses;
  #closed: Promise<void> | null = null;

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
   * Reads what the kernel holds of an earlier client, and takes that over: it goes when the view is complete and does not
   * have it.
   *
   * Rejects with a KernelError when something is missing or another client has the protocol, with a BadOptionError or a
   * BadRouteError for options that make no sense.
   */
  static async open(options: KernelRoutesOptions): Promise<KernelRoutes> {
    checkKernelOptions(options);
    const { device, protocol = DEFAULT_PROTOCOL, dryRun, optionNames, ecmp } = options;
    // The client's view, what is wanted of it, and what the kernel has.
    reserveLargeArrays(LARGE_ARRAYS_OF_VIEW + LARGE_ARRAYS_OF_TABLE + LARGE_ARRAYS_OF_FIB_ROWS);
    // A dry run may stand beside a client at work.
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

  /** Of the client's handler: it is to be installed. */
  routeAdded(route: Route): void {
    this.#installer.added(route);
  }

  /** Of the client's handler: it goes. */
  routeRemoved(route: Route): void {
    this.#installer.removed(route);
  }

  /** Of the client's handler: received routes to that destination are not installed. */
  announced(route: Route): void {
    this.#installer.announced(route);
  }

  /** Of the client's handler: they are. */
  withdrawn(route: Route): void {
    this.#installer.withdrawn(route);
  }

  /** Of the client's handler: what was found in the kernel and is not in the view goes. */
  complete(vni: number): void {
    this.#installer.complete(vni);
  }

  /** Of the client's handler: nothing in the host's own table covers a server that it connects to. */
  serverState({ host }: Endpoint, state: ServerState): void {
    if (state === "connecting") this.#servers.connecting(host);
  }

  /**
   * Other tables from now on.
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

  /** What is wanted, installed and left out, by table; and what has been done. */
  status(): InstallerStatus {
    return this.#installer.status();
  }

  /** The destinations that cannot be made right; at most `limit`, 100 if left out. */
  faults(limit = MAX_FAULTS): KernelFault[] {
    return this.#installer.faults(limit);
  }

  /**
   * Ends it: after the client was closed. Rejects when the routes were to be removed and could not be; and with a
   * BadOptionError, and then nothing has ended.
   */
  async close(options: KernelCloseOptions = {}): Promise<void> {
    checkKernelCloseOptions(options);
    this.#closed ??= this.#close(options.cleanup ?? false);
    await this.#closed;
  }

  /** `await using kernel = await KernelRoutes.open(…)` closes it at the end of the block; the routes stay. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(cleanup: boolean): Promise<void> {
    try {
      // A dry run has put nothing there.
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
    // What a dry run takes for done would be missed.
    ...(dryRun && { reconcileIntervalSeconds: 0 }),
    clock: new SystemClock(),
  });
  await installer.start();
  return installer;
}
