/**
 * Connects `bunbond client --install-routes` with src/kernel: opens the kernel routes as the flags say, and reports
 * about them.
 */

import { type EventLog, eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import type { ClientHandler } from "../../client/events.ts";
import { FOLLOW_VIEW, type ViewFollower } from "../../client/view/client-view.ts";
import type { KernelStatus } from "../../http/control/api.ts";
import { type KernelReporter, kernelReport } from "../../http/control/kernel-status.ts";
import type { KernelReader } from "../../http/queries/fib-source.ts";
import { KernelRoutes } from "../../kernel/kernel-routes.ts";
import type { InstallerStatus } from "../../kernel/reconcile/status.ts";
import { type KernelFlagOptions, kernelOptionNames } from "../flags/kernel-flags.ts";

export interface KernelContext {
  readonly logger: Logger;
  /** Prints one ip command of a dry run. */
  readonly print: (command: string) => void;
}

/** The kernel routes of `bunbond client --install-routes`. */
export class ClientKernel implements KernelReporter {
  readonly routes: KernelRoutes;
  readonly #options: KernelFlagOptions;
  readonly #logger: EventLog;
  /** True if the routes are removed at the end. */
  cleanup: boolean;
  /**
   * The daemon stops without a drain: no change of a route counts any more. When its own routes are withdrawn there is no time left
   * in which other announcers' routes to the same destinations would be used.
   */
  isStoppingAtOnce = false;

  private constructor(routes: KernelRoutes, options: KernelFlagOptions, logger: Logger) {
    this.routes = routes;
    this.#options = options;
    this.#logger = eventLog(logger);
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

  /** Passes the events of the client on to the kernel routes. */
  handler(): ClientHandler & ViewFollower {
    const { routes } = this;
    return {
      [FOLLOW_VIEW]: (view) => routes[FOLLOW_VIEW](view),
      routeAdded: (route) => {
        if (!this.isStoppingAtOnce) routes.routeAdded(route);
      },
      routeRemoved: (route) => {
        if (!this.isStoppingAtOnce) routes.routeRemoved(route);
      },
      announced: (route) => routes.announced(route),
      withdrawn: (route) => {
        if (!this.isStoppingAtOnce) routes.withdrawn(route);
      },
      complete: (vni) => routes.complete(vni),
      serverState: (server, state) => routes.serverState(server, state),
    };
  }

  /** What queries read of it. */
  get reader(): KernelReader {
    const { routes } = this;
    return {
      isDryRun: this.#options.dryRun,
      rowOf: (vni, destination) => routes.rowOf(vni, destination),
      rows: (selection) => routes.rows(selection),
      compare: (limit) => routes.compare(limit),
      tableOf: (vni) => routes.tableOf(vni),
      get deviceProblems() {
        return routes.deviceProblems;
      },
    };
  }

  installerStatus(): InstallerStatus {
    return this.routes.status();
  }

  /** How many routes are in the kernel. */
  get installedCount(): number {
    const { tables } = this.routes.status();
    return tables.reduce((sum, { ipv4, ipv6 }) => sum + ipv4.installed + ipv6.installed, 0);
  }

  report(): KernelStatus {
    const { routeProtocol, dryRun, ecmp } = this.#options;
    return kernelReport(this.routes, { routeProtocol, dryRun, ecmp });
  }

  /** Must be called last. Removes the routes if `cleanup` says so. Resolves to false if that failed. */
  async close(cleanup = this.cleanup): Promise<boolean> {
    try {
      const routes = this.installedCount;
      await this.routes.close({ cleanup });
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
