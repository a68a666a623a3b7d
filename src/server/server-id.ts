import type { Random } from "../base/clock.ts";
import { SERVER_ID_BYTES } from "../wire/protocol.ts";

/**
 * What tells this server from others for as long as it runs: a client that has it under two names or addresses notices by
 * it. It is no secret.
 */
export function makeServerId(random: Random): string {
  return Uint8Array.from({ length: SERVER_ID_BYTES }, () => Math.floor(random() * 256)).toHex();
}
