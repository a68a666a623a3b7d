import { describe, expect, test } from "bun:test";
import { PausableListener } from "../../src/transport/pausable-listener.ts";

const PER_TURN = 4;

/** Counts who was accepted, and in which order what happened: "open N" and "data N". */
class Door implements Disposable {
  readonly events: string[] = [];
  readonly #clients: Bun.Socket<undefined>[] = [];
  readonly listener = new PausableListener<{ name: string }>({
    hostname: "127.0.0.1",
    port: 0,
    backlog: 64,
    perTurn: PER_TURN,
    data: { name: "" },
    socket: {
      open: (socket) => {
        socket.data = { name: `${this.opened.length}` };
        this.events.push(`open ${socket.data.name}`);
      },
      data: (socket) => {
        this.events.push(`data ${socket.data.name}`);
      },
    },
  });

  get opened(): string[] {
    return this.events.filter((event) => event.startsWith("open"));
  }

  /** Each sends something at once. */
  async connect(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const client = await Bun.connect({
        hostname: "127.0.0.1",
        port: this.listener.port,
        socket: { data() {} },
      });
      client.write("x");
      this.#clients.push(client);
    }
  }

  async until(isSo: () => boolean): Promise<void> {
    // What is asked for are counts on both sides of real sockets, which have no common event.
    while (!isSo()) await Bun.sleep(1);
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.terminate();
    this.listener.stop();
  }
}

describe.skipIf(process.platform !== "linux")("a listener", () => {
  test("that is paused leaves connections in the kernel's queue, and accepts them later", async () => {
    using door = new Door();
    await door.connect(2);
    await door.until(() => door.opened.length === 2);
    door.listener.pause();
    await door.connect(3);
    // A turn of the event loop would have accepted them.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([door.opened.length, door.listener.waiting]).toEqual([2, 3]);
    door.listener.resume();
    await door.until(() => door.opened.length === 5);
    expect(door.listener.waiting).toBe(0);
  });

  test("accepts some in a turn, and reads what they have sent before the next ones come", async () => {
    using door = new Door();
    door.listener.pause();
    await door.connect(3 * PER_TURN);
    door.listener.resume();
    await door.until(() => door.events.length === 6 * PER_TURN);
    for (let batch = 1; batch <= 3; batch++) {
      const first = door.events.slice(0, 2 * PER_TURN * batch - PER_TURN);
      expect(first.filter((event) => event.startsWith("open")).length).toBe(PER_TURN * batch);
      expect(first.filter((event) => event.startsWith("data")).length).toBe(PER_TURN * (batch - 1));
    }
  });

  test("that is stopped while it is paused does not come back", async () => {
    using door = new Door();
    door.listener.pause();
    door.listener.stop();
    door.listener.resume();
    expect(await door.connect(1).catch(() => "refused")).toBe("refused");
  });
});
