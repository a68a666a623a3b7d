/** The accept queue: Bun's default of 512 overflows in a storm, and the kernel then drops SYNs for seconds. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { BunNetwork } from "../../src/transport/tcp-network.ts";

test.skipIf(Bun.which("ss") === null)(
  "takes 4,096 connections, or as many as the system allows",
  async () => {
    const listener = await new BunNetwork().listen({ host: "127.0.0.1", port: 0 }, () => {
      return { received() {}, writable() {}, closed() {} };
    });
    // Of a socket that listens, Send-Q is the backlog (ss(8)).
    const { stdout } = Bun.spawnSync(["ss", "-Hltn", `sport = :${listener.endpoint.port}`]);
    listener.stop();
    const most = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
    expect(stdout.toString().trim().split(/\s+/)[2]).toBe(`${Math.min(4_096, most)}`);
  },
);
