/**
 * One client per network namespace and protocol: two would take each other's routes for leftovers. An abstract UNIX
 * socket belongs to a network namespace, and goes with its process whatever that dies of.
 */
import { KernelError } from "./kernel.ts";
import { type KernelOptionNames, OPTION_NAMES } from "./kernel-options.ts";

export interface ProtocolLock {
  release(): void;
}

/** @throws KernelError PROTOCOL_IN_USE */
export function lockProtocol(protocol: number, optionNames: KernelOptionNames = OPTION_NAMES): ProtocolLock {
  try {
    const listener = Bun.listen({
      unix: `\0bunbond-fib-${protocol}`,
      // Nobody has anything to say here.
      socket: { open: (socket) => void socket.end(), data() {} },
    });
    // The lock is no reason to stay alive.
    listener.unref();
    return { release: () => listener.stop(true) };
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE")) throw cause;
    throw new KernelError(
      "PROTOCOL_IN_USE",
      `another client installs routes of protocol ${protocol} in this network namespace: ` +
        `stop it, or set ${optionNames.protocol} to another number`,
      { cause },
    );
  }
}
