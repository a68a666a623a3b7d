/** Installs routes in the kernel as the command line says, and reports on them. */

import type { Logger } from "../../base/logger.ts";
import { type KernelReport, type KernelReporter, kernelReport } from "../../http/control/kernel-status.ts";
import { KernelRoutes } from "../../kernel/kernel-routes.ts";
import { type KernelFlagOptions, kernelOptionNames } from "../flags/kernel-flags.ts";

export interface KernelContext {
  readonly logger: Logger;
  /** Prints what a dry run would do, one ip command at a time. */
  readonly print: (command: string) => void;
}

/** The kernel routes of `bunbond client --install-routes`. */
export class ClientKernel implements KernelReporter {
  readonly routes: KernelRoutes;
  readonly #options: KernelFlagOptions;
  readonly #logger: Logger;
  /** True if the routes are removed at the end. */
  cleanup: boolean;

  private constructor(routes: KernelRoutes, options: KernelFlagOptions, logger: Logger) {
    this.routes = routes;
    this.#options = options;
    this.#logger = logger;
    this.cleanup = options.cleanup;
  }

  /**
   * Resolves to null if no routes are installed.
   * @throws KernelError when something is missing, or another client has the protocol
   */
  static async open(
    options: KernelFlagOptions,
    { logger, print }: KernelContext,
  ): Promise<ClientKernel | null> {
    if (options.installRoutes.length === 0) return null;
    const routes = await KernelRoutes.open({
      mappings: options.installRoutes,
      device: options.tunnelDevice,
      protocol: options.routeProtocol,
      ipv4Only: options.ipv4Only,
      excludedTypes: options.excludeTypes,
      nat: options.installNat,
      preferredNetworks: options.preferNetworks,
      ecmp: options.ecmp,
      reconcileIntervalSeconds: options.reconcileSeconds,
      optionNames: kernelOptionNames,
      ...(options.dryRun && { dryRun: print }),
      logger,
    });
    return new ClientKernel(routes, options, logger);
  }

  report(): KernelReport {
    const { routeProtocol, dryRun, ecmp } = this.#options;
    return kernelReport(this.routes, { routeProtocol, dryRun, ecmp });
  }

  /** Must be called last. Removes the routes if `cleanup` says so. Resolves to false if that failed. */
  async close(cleanup = this.cleanup): Promise<boolean> {
    try {
      const { tables } = this.routes.status();
      await this.routes.close({ cleanup });
      const routes = tables.reduce((sum, { ipv4, ipv6 }) => sum + ipv4.installed + ipv6.installed, 0);
      if (!cleanup && !this.#options.dryRun && routes > 0) {
        this.#logger.info("routes stay in the kernel; 'bunbond cleanup' removes them", { routes });
      }
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.error("the kernel's routes could not be removed; 'bunbond cleanup' does it", { reason });
      return false;
    }
  }
}
