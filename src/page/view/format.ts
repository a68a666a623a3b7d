/** Numbers and times as people read them. */

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
];

/** Returns "7 s", "3 min", "2 h" or "5 d"; 0 s for a time that lies ahead. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [name, size] = UNITS.find(([, unit]) => seconds >= unit) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${name}`;
}

/** Returns how long ago an RFC 3339 time was, or "–" without one. */
export function formatSince(time: string | null | undefined, nowMs: number): string {
  const ms = time === null || time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(ms) ? "–" : `${formatAge(nowMs - ms)} ago`;
}

/** Returns the number with spaces between its thousands: "1 234 567". */
export function formatCount(count: number): string {
  return `${Math.round(count)}`.replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** Returns the number with the noun, in the plural unless it is one. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
