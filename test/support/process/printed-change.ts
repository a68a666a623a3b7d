/** Lines of a client's changes as people read them: "2026-01-31T12:00:00.000Z + 100 10.0.1.0/24 via 2001:db8::1". */

/** Returns the line without its time; one that has none is marked, and fails what it is compared with. */
export function withoutTime(line: string): string {
  const [, change] = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ([+-] .*)$/.exec(line) ?? [];
  return change ?? `not a change with a time: ${line}`;
}
