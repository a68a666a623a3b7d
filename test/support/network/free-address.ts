let taken = 0;

/**
 * An address that nobody listens on now and that stays free for a server which comes up later, or
 * again. A free port of ::1 would not: the kernel may give it to any connection meanwhile. So this is
 * one of the loopback network 127.0.0.0/8 that nothing else uses, named after this process.
 */
export function freeAddress(): string {
  const hostname = `127.${(process.pid >> 8) & 0xff}.${process.pid & 0xff}.${++taken}`;
  const listener = Bun.listen({ hostname, port: 0, socket: { data() {} } });
  listener.stop(true);
  return `${hostname}:${listener.port}`;
}
