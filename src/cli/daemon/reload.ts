/**
 * On SIGHUP the configuration is read again, and changes take effect. A file that cannot be read or has errors changes nothing,
 * and the daemon goes on as before.
 */

import { type EventFields, type EventLog, eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { LogFields } from "../../base/logger.ts";
import type { ClientCore } from "../../client/client-core.ts";
import { TableFullError } from "../../client/errors.ts";
import type { KernelRoutes } from "../../kernel/kernel-routes.ts";
import type { Server } from "../../server/server.ts";
import type { LevelledLogger } from "../program/console-logger.ts";
import type { HangupSignal } from "../program/hangup-signal.ts";
import { UsageError } from "../program/usage-error.ts";
import type { ClientChange, Difference, ServerChange } from "./reload-changes.ts";

/** A change as it is logged. */
interface LoggedChange {
  readonly type: string;
  readonly settings?: object;
}

export interface ReloaderOptions<Options, Change> {
  /** Reads the options anew, or rejects. */
  readonly read: () => Promise<Options>;
  readonly difference: (before: Options, after: Options) => Difference<Options, Change>;
  readonly apply: (change: Change) => void;
  readonly logger: EventLog;
  /** Is called at the beginning and at the end of a reload. */
  readonly progress?: { reloading(): void; reloaded(): void };
}

/** Makes SIGHUP reload the options from now on, if they are from a file. Called when the daemon runs. */
export function reloadOnHangup<
  Options extends { readonly config: string | null },
  Change extends LoggedChange,
>(
  options: Options,
  hangup: HangupSignal,
  setup: ReloaderOptions<Options, Change>,
): Reloader<Options, Change> {
  const reloader = new Reloader(options, setup);
  if (options.config !== null) hangup.handle(() => void reloader.reload());
  return reloader;
}

/**
 * Makes SIGHUP stop the daemon if it has no configuration file and was started from a terminal: a terminal that is closed ends its
 * programs. A daemon without a terminal ignores the signal, which may be meant for one with a file.
 */
export function stopOnHangup(
  { config }: { readonly config: string | null },
  hangup: Pick<HangupSignal, "handle" | "wasIgnored" | "hadTerminal">,
  logger: EventLog,
  stop: () => void,
): void {
  if (config !== null) return;
  hangup.handle(() => {
    if (hangup.wasIgnored) {
      logger.debug("SIGHUP is ignored, as it was when this process was started (nohup)");
      return;
    }
    if (!hangup.hadTerminal) {
      logger.log(LOG.hangupIgnored, {});
      return;
    }
    // A terminal that is closed may send more than one.
    hangup.handle(() => {});
    logger.log(LOG.hangupStops, {});
    stop();
  });
}

export class Reloader<Options, Change extends LoggedChange> {
  #inEffect: Options;
  readonly #setup: ReloaderOptions<Options, Change>;
  #isAsked = false;
  #work: Promise<void> | null = null;
  #isStopped = false;
  /** False if the options could not be read at the last reload, so that older ones are in force. */
  isCurrent = true;

  constructor(inEffect: Options, setup: ReloaderOptions<Options, Change>) {
    this.#inEffect = inEffect;
    this.#setup = setup;
  }

  /** The options as of the last reload. */
  get inForce(): Options {
    return this.#inEffect;
  }

  /** Ends reloading: later signals have no effect. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Reloads the options, and resolves when that is done. A call during a reload makes it read the file once more. */
  reload(): Promise<void> {
    this.#isAsked = true;
    this.#work ??= this.#reloadWhileAsked().finally(() => {
      this.#work = null;
    });
    return this.#work;
  }

  async #reloadWhileAsked(): Promise<void> {
    while (this.#isAsked && !this.#isStopped) {
      this.#isAsked = false;
      this.#setup.progress?.reloading();
      await this.#reloadOnce();
      this.#setup.progress?.reloaded();
    }
  }

  async #reloadOnce(): Promise<void> {
    const { read, difference, apply, logger } = this.#setup;
    let after: Options;
    try {
      after = await read();
    } catch (error) {
      this.isCurrent = false;
      logger.log(LOG.configurationNotReloaded, faultFields(error));
      return;
    }
    if (this.#isStopped) return;
    this.isCurrent = true;
    const { changes, needRestart, warnings, inForce } = difference(this.#inEffect, after);
    this.#inEffect = inForce;
    for (const problem of warnings) logger.log(LOG.optionWarning, { problem });
    for (const change of changes) apply(change);
    if (needRestart.length > 0) {
      logger.log(LOG.settingsNeedRestart, { settings: needRestart.join() });
    }
    if (changes.length === 0) logger.log(LOG.configurationUnchanged, {});
    else logger.log(LOG.configurationReloaded, changeFields(changes));
  }
}

/** Returns how many changes of each type there are, or which settings change. */
function changeFields(changes: readonly LoggedChange[]): LogFields {
  const fields = Array.from(
    Map.groupBy(changes, ({ type }) => type),
    ([type, ofType]) => {
      const names = ofType.flatMap(({ settings }) => Object.keys(settings ?? {}));
      return [type, names.length > 0 ? names.join() : ofType.length] as const;
    },
  );
  return Object.fromEntries(fields);
}

function faultFields(error: unknown): EventFields<(typeof LOG.configurationNotReloaded.fields)[number]> {
  if (!(error instanceof UsageError))
    return { error: error instanceof Error ? error.message : String(error) };
  const { message, hint, place, value, others } = error;
  return {
    ...(place !== null && { file: place.path, ...(place.line !== null && { line: place.line }) }),
    error: message,
    ...(value !== null && { value: value.text }),
    ...(hint !== null && { hint }),
    ...(others.length > 0 && { moreErrors: others.length }),
  };
}

export interface ClientParts {
  readonly client: ClientCore;
  readonly logger: LevelledLogger;
  /** The kernel routes; null if the client installs none, and then no change is about them. */
  readonly kernel: { readonly routes: Pick<KernelRoutes, "setMappings">; cleanup: boolean } | null;
  readonly readiness: { isAgreementRequired: boolean };
}

export function applyToClient(
  { client, logger, kernel, readiness }: ClientParts,
  change: ClientChange,
): void {
  switch (change.type) {
    case "configure":
      client.configure(change.settings);
      break;
    case "log-level":
      logger.level = change.level;
      break;
    case "add-server":
      client.addServer(change.server);
      break;
    case "remove-server":
      // Its routes stay until the other servers have sent theirs: some of those were only just added.
      client.removeServer(change.server, { keepStale: true });
      break;
    case "subscribe":
      client.subscribe(change.vni);
      break;
    case "unsubscribe":
      client.unsubscribe(change.vni);
      break;
    case "announce":
      try {
        client.announce(change.route);
      } catch (error) {
        if (!(error instanceof TableFullError)) throw error;
        eventLog(logger).log(LOG.announcementImpossible, faultFields(error));
      }
      break;
    case "withdraw":
      client.withdraw(change.route);
      break;
    case "install-routes":
      kernel?.routes.setMappings(change.mappings);
      break;
    case "cleanup":
      if (kernel !== null) kernel.cleanup = change.cleanup;
      break;
    case "require-agreement":
      readiness.isAgreementRequired = change.isRequired;
  }
}

export function applyToServer(server: Server, logger: LevelledLogger, change: ServerChange): void {
  if (change.type === "log-level") logger.level = change.level;
  else server.configure(change.settings);
}
