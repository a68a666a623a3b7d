/**
 * An address on [::1] that nobody listens on at the moment, for a server that is to come up later.
 * Nothing holds it, so another program may get the same port meanwhile; that is rare enough for tests.
 */
export function freeAddress(): string {
  const listener = Bun.listen({ hostname: "::1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return `[::1]:${listener.port}`;
}
