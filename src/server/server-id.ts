import type { Random } from "../base/clock.ts";
import { SERVER_ID_BYTES } from "../wire/protocol.ts";

/**
 * Makes an id that distinguishes this server from others as long as it runs. By the id a client detects that two names
 * or addresses lead to the same server. It is not secret.
 */
export function makeServerId(random: Random): string {
  return Uint8Array.from({ length: SERVER_ID_BYTES }, () => Math.floor(random() * 256)).toHex();
}
