/** Logs what happens to routes, hops and operations: some lines for each fault, however many routes it affects. */

import type { Clock } from "../../base/clock.ts";
import { LimitedLog, type LogLimits } from "../../base/limited-log.ts";
import { type EventFields, type EventLog, eventLog, type LogEvent } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import { formatAddress } from "../../net/address.ts";
import type { Prefix } from "../../net/ip.ts";
import { formatPrefix } from "../../net/prefix.ts";
import type { Desired } from "../desired/desired-routes.ts";
import type { DriftKind, Fib } from "../fib/fib.ts";
import type { FibTable } from "../fib/tables.ts";
import { formatOperation } from "../format-operation.ts";
import { formatFoundRoute, showCommand, showRouteCommand } from "../format-route.ts";
import type { FoundRoute, Operation } from "../kernel.ts";
import type { PlanReport } from "../objects/object-kind.ts";
import type { StepFailure } from "../objects/operation-batch.ts";
import type { CleanupResult } from "./cleanup.ts";
import { DEVICE_CODES } from "./status.ts";

/** One fault may affect a whole table: some lines a minute show what it is. */
const LOG_LIMITS: LogLimits = { burst: 10, intervalMs: 6_000 };
/** How many hops and tables are remembered as reported; then all are forgotten, for hops come and go. */
const MAX_REPORTED = 1_000;
const FIGHT_LINE_PAUSE_MS = 60_000;

export class InstallerLog implements PlanReport {
  readonly #logger: EventLog;
  readonly #clock: Clock;
  readonly #protocol: number;
  readonly #device: string;
  /** For events of other files: some lines for each kind. */
  readonly limited: EventLog;
  readonly #reported = new Set<string>();
  #isScanWhole = true;
  #foughtMs = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, clock: Clock, protocol: number, device: string) {
    this.#logger = eventLog(logger);
    this.#clock = clock;
    this.#protocol = protocol;
    this.#device = device;
    this.limited = new LimitedLog(logger, clock, LOG_LIMITS);
  }

  /** Logs a failed operation. `inTheWay`: the route that was found in the place of the one that was to be added. */
  failure({ operation, code, message, kind, attempts }: StepFailure, inTheWay: string | null = null): void {
    const fields = {
      operation: this.#text(operation),
      code,
      message,
      ...(inTheWay !== null && { inTheWay }),
      show: DEVICE_CODES.has(code) ? `ip -d link show ${this.#device}` : showCommand(operation),
    };
    if (attempts > 1) this.#logger.debug("still fails", { ...fields, attempts });
    else if (kind === "collision") this.limited.log(LOG.foreignInTheWay, fields);
    else if (kind === "dependent") this.#logger.debug("cannot be installed without its nexthop", fields);
    else this.limited.log(LOG.kernelRefused, fields);
  }

  /** Logs that nothing can be done for the destination. */
  stuck(
    table: FibTable,
    destination: Prefix,
    { message }: { readonly message: string },
    attempts: number,
  ): void {
    const show = showRouteCommand(table.id, destination);
    const fields = { table: table.id, destination: formatPrefix(destination), message, show };
    if (attempts > 1) this.#logger.debug("still cannot be made right", { ...fields, attempts });
    else this.limited.log(LOG.unrepairable, fields);
  }

  skipped(table: FibTable, destination: Prefix, desired: Desired): void {
    const { vni, shadowed, skipped, refusedHops, covered, refusal } = desired;
    const text = formatPrefix(destination);
    if (covered !== null) {
      const fields = { table: table.id, destination: text, address: formatAddress(covered) };
      this.#once(`covers ${text}`, LOG.destinationCovers, fields);
    }
    if (refusal !== null) {
      const fields = { reason: refusal, table: table.id, destination: text };
      this.#once(`destination ${refusal}`, LOG.destinationRefused, fields);
    }
    for (const { address, reason } of refusedHops) {
      const nextHop = formatAddress(address);
      this.#once(`hop ${nextHop}`, LOG.hopSkipped, { nextHop, reason, destination: text });
    }
    if (shadowed > 0) {
      const fields = { table: table.id, destination: text, ...(vni !== null && { winner: vni }) };
      this.#once(`shadow ${table.id}`, LOG.destinationShadowed, fields);
    }
    const skippedHops = skipped?.get("tooManyHops");
    if (skippedHops !== undefined) {
      const fields = { table: table.id, destination: text, leftOut: skippedHops };
      this.limited.log(LOG.tooManyHops, fields);
    }
  }

  memoryRefused(destination: Prefix): void {
    this.limited.log(LOG.memoryRefused, {
      destination: formatPrefix(destination),
      remedy: "give the process more (MemoryMax=, ulimit -v), and restart it",
    });
  }

  started(fib: Fib): void {
    this.#logger.log(LOG.kernelScanned, countsOf(fib));
  }

  /** Logs a foreign route beside one of ours; the kernel decides which of them a packet takes. */
  ambiguous(route: FoundRoute): void {
    const { table, destination } = route;
    this.limited.log(LOG.ambiguous, {
      table,
      destination: formatPrefix(destination),
      foreign: formatFoundRoute(route),
      show: showRouteCommand(table, destination),
    });
  }

  /** Logs that routes of ours name the id, and that the object or group with it is not ours. */
  replaced(id: number): void {
    this.#once(`replaced ${id}`, LOG.nexthopForeign, {
      id,
      show: `ip nexthop show id ${id}`,
    });
  }

  /** Logs a change of whether scans are complete. */
  scanWhole(isWhole: boolean): void {
    if (isWhole === this.#isScanWhole) return;
    this.#isScanWhole = isWhole;
    if (isWhole) this.#logger.log(LOG.scanComplete, {});
    else {
      this.#logger.log(LOG.scanIncomplete, {});
    }
  }

  /** Logs one line a minute, however many destinations are disturbed: `status` names them. */
  foughtOver(table: FibTable, destination: Prefix): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#foughtMs < FIGHT_LINE_PAUSE_MS) return;
    this.#foughtMs = nowMs;
    this.#logger.log(LOG.foughtOver, {
      table: table.id,
      destination: formatPrefix(destination),
    });
  }

  /** Logs the end of a scan. `before`: the drift counters when it began. */
  scanned(fib: Fib, reason: string, before: Readonly<Record<DriftKind, number>>): void {
    const drift = Object.entries(fib.drift)
      .map(([kind, count]) => [kind, count - before[kind as DriftKind]] as const)
      .filter(([, count]) => count > 0);
    if (drift.length === 0) this.#logger.debug("kernel scanned", { reason, ...countsOf(fib) });
    else {
      const fields = { reason, ...Object.fromEntries(drift) };
      this.#logger.log(LOG.drift, fields);
    }
  }

  /** Logs a nexthop that stays although we no longer need it. */
  pinned(id: number): void {
    const show = `(ip route show table all; ip -6 route show table all; ip nexthop) | grep ${id}`;
    this.limited.log(LOG.nexthopPinned, { id, show });
  }

  cleanedUp({ routes, nexthops, kept, failures }: CleanupResult): void {
    this.#logger.log(LOG.routesRemoved, { routes, nexthops });
    if (kept > 0) this.#logger.log(LOG.nexthopsPinned, { nexthops: kept });
    for (const { operation, message } of failures) {
      this.limited.log(LOG.notRemoved, {
        operation: this.#text(operation),
        message,
        show: showCommand(operation),
      });
    }
  }

  #once<Field extends string>(key: string, event: LogEvent<Field>, fields: EventFields<Field>): void {
    if (this.#reported.has(key)) {
      this.#logger.debug(event.message, fields);
      return;
    }
    if (this.#reported.size === MAX_REPORTED) this.#reported.clear();
    this.#reported.add(key);
    this.limited.log(event, fields);
  }

  #text(operation: Operation): string {
    return formatOperation(operation, this.#protocol, this.#device);
  }
}

/** Counts what the kernel has of ours. */
function countsOf({ nexthops, tables }: Fib) {
  let routes = 0;
  for (const { counts } of tables.all()) routes += counts[4].installed + counts[6].installed;
  return { routes, objects: nexthops.objectCount, groups: nexthops.groupCount };
}
