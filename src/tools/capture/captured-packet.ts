/** A packet as a capture file has it. */
export interface CapturedPacket {
  /** From 1, as Wireshark counts. */
  readonly number: number;
  /** Null if the file does not say it (simple packet blocks of pcapng). */
  readonly time: CaptureTime | null;
  /** One of https://www.tcpdump.org/linktypes.html. */
  readonly linkType: number;
  /** What was captured: the whole packet or its beginning. */
  readonly bytes: Uint8Array;
}

/** Time since 1970 (UTC). One number would not hold nanoseconds exactly. */
export interface CaptureTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** `Date` ends here, in seconds from 1970, in both directions. */
const MAX_DATE_SECONDS = 8.64e12;

/** Returns "2026-01-02T03:04:05.678901Z", with nine digits if the last three are not zero. */
export function formatCaptureTime({ seconds, nanoseconds }: CaptureTime): string {
  const digits = `${nanoseconds}`.padStart(9, "0").replace(/000$/, "");
  if (Math.abs(seconds) > MAX_DATE_SECONDS) return `${seconds}.${digits}`;
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${digits}Z`;
}
