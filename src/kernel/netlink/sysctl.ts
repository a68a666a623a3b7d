/** Reads settings of the kernel that are files in /proc/sys. */
import { readFileSync } from "node:fs";

/** The policy in this network namespace; null if it cannot be read, as where there is no IPv6. */
export function readMultipathHashPolicy(family: 4 | 6): number | null {
  try {
    return Number.parseInt(
      readFileSync(`/proc/sys/${multipathHashPolicyName(family).replaceAll(".", "/")}`, "latin1"),
      10,
    );
  } catch {
    return null;
  }
}

export function multipathHashPolicyName(family: 4 | 6): string {
  return `net.ipv${family}.fib_multipath_hash_policy`;
}
