/** Makes the kernel of a dry run, which reads the real kernel, and prints what would be changed there. */
import { formatOperation } from "./format-operation.ts";
import type { Kernel } from "./kernel.ts";

/** Makes a kernel that is never changed: `print` gets each operation, which counts as done; all else is the real kernel's. */
export function dryRunKernel(
  kernel: Kernel,
  protocol: number,
  device: string,
  print: (line: string) => void,
): Kernel {
  return {
    links: () => kernel.links(),
    localAddresses: () => kernel.localAddresses(),
    multipathHashPolicy: (family) => kernel.multipathHashPolicy(family),
    eachNexthop: (ours, visit) => kernel.eachNexthop(ours, visit),
    eachRoute: (ours, visit) => kernel.eachRoute(ours, visit),
    eachRouteOfOurs: (ours, visit) => kernel.eachRouteOfOurs(ours, visit),
    eachRouteIn: (table, family, visit) => kernel.eachRouteIn(table, family, visit),
    apply(operations) {
      for (const operation of operations) print(formatOperation(operation, protocol, device));
      return [];
    },
    watch: () => {},
    poll: () => true,
    close: () => kernel.close(),
  };
}
