/**
 * Locks a protocol in a network namespace for one client: two would delete each other's routes. An abstract UNIX socket
 * belongs to a network namespace, and is closed with its process however that ends.
 *
 * The socket's name has no owner: any user of the namespace can take it first. That keeps a client from starting, and no
 * more: the routes of the client before stay as they are. A lock that only the administrator can take would have to be a
 * file, and files do not belong to network namespaces. So the error names the command that shows which process has it.
 */

import { systemErrorCode } from "../base/system-error.ts";
import { KernelError } from "./kernel.ts";
import type { KernelOptionNames } from "./option-names.ts";
import { OPTION_NAMES } from "./option-names.ts";

export interface ProtocolLock {
  release(): void;
}

/**
 * Takes the lock.
 * @throws KernelError PROTOCOL_IN_USE
 */
export function lockProtocol(protocol: number, optionNames: KernelOptionNames = OPTION_NAMES): ProtocolLock {
  const name = `bunbond-fib-${protocol}`;
  try {
    const listener = Bun.listen({
      unix: `\0${name}`,
      // A connection has no purpose here.
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
