/**
 * The client's hand on the kernel, from before it connects until everything else of it has ended:
 *
 *     lock ─▶ netlink ─▶ device ─▶ what is there is read ─▶ the client connects … stops ─▶ cleanup, if asked for
 *
 * What is missing at the start ends the program. Later nothing does: the installer reports and tries again.
 */
import type { ClientHandler } from "../client/handler.ts";
import { type KernelReport, kernelReport } from "../http/kernel-status.ts";
import { dryRunKernel } from "../kernel/format-operation.ts";
import { Installer } from "../kernel/installer.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { lockProtocol, type ProtocolLock } from "../kernel/lock.ts";
import { NetlinkKernel } from "../kernel/netlink-kernel.ts";
import { findTunnel, tunnelWarning } from "../kernel/tunnel-device.ts";
import type { TableMapping } from "../kernel/wanted-settings.ts";
import type { Route } from "../route/route.ts";
import type { Logger } from "../session/logger.ts";
import { SystemClock } from "../transport/system-clock.ts";
import type { KernelFlagOptions } from "./kernel-flags.ts";

export interface KernelRoutesContext {
  readonly logger: Logger;
  /** Takes what a dry run would do, as ip commands. */
  readonly print: (command: string) => void;
}

export class KernelRoutes implements Omit<Required<ClientHandler>, "serverState"> {
  /** At the end, the routes are removed. */
  cleanup: boolean;

  private constructor(
    private readonly installer: Installer,
    private readonly kernel: Kernel,
    private readonly lock: ProtocolLock | null,
    private readonly options: KernelFlagOptions,
    private readonly logger: Logger,
  ) {
    this.cleanup = options.cleanup;
  }

  /**
   * Null: no routes are to be installed.
   * @throws KernelError when something is missing, or another client has the protocol
   */
  static async open(options: KernelFlagOptions, context: KernelRoutesContext): Promise<KernelRoutes | null> {
    if (options.installRoutes.length === 0) return null;
    const { routeProtocol: protocol, tunnelDevice: device, dryRun } = options;
    // A dry run may stand beside a client at work.
    const lock = dryRun ? null : lockProtocol(protocol);
    try {
      const kernel = NetlinkKernel.open({ protocol, isReadOnly: dryRun });
      try {
        const installer = await startInstaller(
          dryRun ? dryRunKernel(kernel, protocol, device, context.print) : kernel,
          options,
          context.logger,
        );
        return new KernelRoutes(installer, kernel, lock, options, context.logger);
      } catch (error) {
        kernel.close();
        throw error;
      }
    } catch (error) {
      lock?.release();
      throw error;
    }
  }

  routeAdded(route: Route): void {
    this.installer.added(route);
  }

  routeRemoved(route: Route): void {
    this.installer.removed(route);
  }

  announced(route: Route): void {
    this.installer.announced(route);
  }

  withdrawn(route: Route): void {
    this.installer.withdrawn(route);
  }

  complete(vni: number): void {
    this.installer.complete(vni);
  }

  setMappings(mappings: readonly TableMapping[]): void {
    this.installer.setMappings(mappings);
  }

  /** All that is in view is installed, and the views are complete. */
  get isUpToDate(): boolean {
    return this.installer.isUpToDate;
  }

  report(): KernelReport {
    const { routeProtocol, dryRun } = this.options;
    return kernelReport(this.installer, { routeProtocol, dryRun });
  }

  /** The last thing. The routes stay, unless they are to be removed; false: that failed. */
  async close(cleanup = this.cleanup): Promise<boolean> {
    try {
      await this.installer.stop({ cleanup });
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.logger.error("the kernel's routes could not be removed; 'bunbond cleanup' does it", { reason });
      return false;
    } finally {
      this.kernel.close();
      this.lock?.release();
    }
  }
}

async function startInstaller(
  kernel: Kernel,
  options: KernelFlagOptions,
  logger: Logger,
): Promise<Installer> {
  const { tunnelDevice, dryRun } = options;
  const warning = tunnelWarning(findTunnel(await kernel.links(), tunnelDevice));
  if (warning !== null) logger.warn(warning);
  const installer = new Installer({
    kernel,
    protocol: options.routeProtocol,
    device: tunnelDevice,
    mappings: options.installRoutes,
    ipv4Only: options.ipv4Only,
    excludedTypes: options.excludeTypes,
    nat: options.installNat,
    preferredNetworks: options.preferNetworks,
    // What a dry run takes for done would be missed.
    reconcileIntervalSeconds: dryRun ? 0 : options.reconcileSeconds,
    clock: new SystemClock(),
    logger,
  });
  await installer.start();
  return installer;
}
