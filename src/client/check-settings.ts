/** A client's times as programs give them: those that cannot be would fail much later, and without a word. */
import { BadOptionError } from "../net/bunbond-error.ts";
import type { ClientSettings } from "./client-options.ts";

/** The field of a HELLO has 32 bits. */
const MAX_KEEPALIVE_SECONDS = 0xffffffff;

/** @throws BadOptionError */
export function checkSettings({ keepaliveSeconds, retry, hold }: Partial<ClientSettings>): void {
  if (keepaliveSeconds !== undefined) {
    const isWhole = Number.isInteger(keepaliveSeconds);
    if (!isWhole || keepaliveSeconds < 1 || keepaliveSeconds > MAX_KEEPALIVE_SECONDS) {
      throw new BadOptionError("keepaliveSeconds", keepaliveSeconds, "must be a whole number from 1");
    }
  }
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
