/**
 * One client per network namespace and protocol: two would take each other's routes for leftovers. An abstract UNIX
 * socket belongs to a network namespace, and goes with its process whatever that dies of.
 *
 * It has no owner: any user of the namespace can take the name first. That keeps a client from starting, and no more: the
 * routes of the one before stay as they are. A lock that only the administrator can take would have to be a file, and
 * files do not know network namespaces. So the error names the way to who has it.
 */

import { systemErrorCode } from "../base/system-error.ts";
import { KernelError } from "./kernel.ts";
import type { KernelOptionNames } from "./option-names.ts";
import { OPTION_NAMES } from "./option-names.ts";

export interface ProtocolLock {
  release(): void;
}

/** @throws KernelError PROTOCOL_IN_USE */
export function lockProtocol(protocol: number, optionNames: KernelOptionNames = OPTION_NAMES): ProtocolLock {
  const name = `bunbond-fib-${protocol}`;
  try {
    const listener = Bun.listen({
      unix: `\0${name}`,
      // Nobody has anything to say here.
      socket: { open: (socket) => void socket.end(), data() {} },
    });
    // The lock is no reason to stay alive.
    listener.unref();
    return { release: () => listener.stop(true) };
  } catch (cause) {
    if (systemErrorCode(cause) !== "EADDRINUSE") throw cause;
    throw new KernelError(
      "PROTOCOL_IN_USE",
      `another client installs routes of protocol ${protocol} in this network namespace: ` +
        `stop it, or set ${optionNames.protocol} to another number ('ss -xlp src @${name}' shows it)`,
      { cause },
    );
  }
}
