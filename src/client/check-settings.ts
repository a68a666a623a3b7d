/** A client's times as programs give them, see session/check-times.ts. */
import { BadOptionError } from "../net/bunbond-error.ts";
import { checkKeepalive } from "../session/check-times.ts";
import type { ClientSettings } from "./client-options.ts";

/** @throws BadOptionError */
export function checkSettings({ keepaliveSeconds, retry, hold }: Partial<ClientSettings>): void {
  checkKeepalive(keepaliveSeconds);
  if (retry !== undefined) {
    const { minMs, maxMs } = retry;
    const isRange = minMs >= 0 && minMs <= maxMs && Number.isFinite(maxMs);
    if (!isRange) {
      throw new BadOptionError(
        "retry",
        retry,
        `${minMs} to ${maxMs} ms: must be from 0, the first not over the last`,
      );
    }
  }
  if (hold !== undefined) {
    const { holdMs, holdAloneMs } = hold;
    // NaN is neither.
    if (!(holdMs >= 0 && holdAloneMs >= 0)) {
      throw new BadOptionError(
        "hold",
        hold,
        `${holdMs} and ${holdAloneMs} ms: must be from 0, Infinity is for ever`,
      );
    }
  }
}
