/** The kernel's routes as the command line asks for them, and what it says of them. */

import { type EventLog, eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import { type KernelReport, kernelReport } from "../../http/control/kernel-status.ts";
import { KernelRoutes } from "../../kernel/kernel-routes.ts";
import { type KernelFlagOptions, kernelOptionNames } from "../flags/kernel-flags.ts";

export interface KernelContext {
  readonly logger: Logger;
  /** Takes what a dry run would do, as ip commands. */
  readonly print: (command: string) => void;
}

/** Of `bunbond client --install-routes`. */
export class ClientKernel {
  readonly routes: KernelRoutes;
  readonly #options: KernelFlagOptions;
  readonly #logger: EventLog;
  /** At the end, the routes are removed. */
  cleanup: boolean;

  private constructor(routes: KernelRoutes, options: KernelFlagOptions, logger: Logger) {
    this.routes = routes;
    this.#options = options;
    this.#logger = eventLog(logger);
    this.cleanup = options.cleanup;
  }

  /**
   * Null: no routes are to be installed.
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

  /** The last thing. The routes stay, unless they are to be removed; false: that failed. */
  async close(cleanup = this.cleanup): Promise<boolean> {
    try {
      const { tables } = this.routes.status();
      await this.routes.close({ cleanup });
      const routes = tables.reduce((sum, { ipv4, ipv6 }) => sum + ipv4.installed + ipv6.installed, 0);
      if (!cleanup && !this.#options.dryRun && routes > 0) {
        this.#logger.log(LOG.routesStay, { routes });
      }
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.log(LOG.routesNotRemoved, { reason });
      return false;
    }
  }
}
