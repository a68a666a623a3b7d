/** `bunbond doctor` on a real kernel with real faults, each of which goes when what it says is done. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DoctorAnswer } from "../../../src/cli/commands/doctor-commands.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";
import {
  FROM_SOURCE,
  startBunbondClient,
  startBunbondServer,
} from "../../support/process/bunbond-process.ts";
import { ChildProcess } from "../../support/process/child-process.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

/** What is not ok, "fail rp_filter"; of these checks. */
const ABOUT_KERNEL = [
  "tunnel device",
  "source address",
  "MTU",
  "forwarding",
  "rp_filter",
  "hash policy",
  "rules",
];

describe.skipIf(reason !== null)(`bunbond doctor${because}`, () => {
  async function doctor(namespace: OverlayNamespace, ...words: readonly string[]) {
    const command = [...namespace.enter, ...FROM_SOURCE, "doctor", ...words, "--json"];
    await using program = new ChildProcess({ command, cwd: REPOSITORY, env: { NODE_ENV: undefined } });
    const exitCode = await program.ended;
    const answer: DoctorAnswer = JSON.parse(program.stdoutLines.join(""));
    const findings = answer.reports.flatMap((report) => report.findings);
    return {
      exitCode,
      wrong: findings
        .filter(({ state, check }) => state !== "ok" && ABOUT_KERNEL.includes(check))
        .map(({ state, check, text }) => ({ what: `${state} ${check}`, text })),
      findings,
    };
  }

  test.concurrent("finds what keeps a client's routes from working, and says what helps", async () => {
    await using namespace = await OverlayNamespace.create(
      "link add under type veth peer name other",
      "link set other up",
      "link set under up mtu 1500",
      "addr add 2001:db8::7/64 dev under nodad",
      "-6 route add default dev under",
      "link set tun down",
    );
    // "tun" has 1500 bytes less those of a vxlan's own.
    namespace.sh("ip link set tun mtu 1500; echo 1 >/proc/sys/net/ipv4/conf/tun/rp_filter");
    await using server = await startBunbondServer({ command: [...namespace.enter, ...FROM_SOURCE] });
    const flags = ["client", "--server", server.address, "--tun", "tun", "--install-routes", "100#100"];
    const { exitCode, wrong } = await doctor(namespace, ...flags);
    expect(exitCode).toBe(1);
    expect(wrong.map(({ what }) => what)).toEqual([
      "fail tunnel device",
      "warn MTU",
      "fail forwarding",
      "fail forwarding",
      "fail rp_filter",
      "warn rules",
    ]);
    // The commands that it names, as they stand; those with a choice are made here.
    const commandOf = (text: string) => text.slice(text.lastIndexOf(": ") + 2);
    for (const { what, text } of wrong) {
      if (what === "fail tunnel device" || what === "fail forwarding") namespace.sh(commandOf(text));
    }
    namespace.ip("link set tun mtu 1460", "rule add iif tun lookup 100", "-6 rule add iif tun lookup 100");
    await eventually(async () => (await doctor(namespace, ...flags)).wrong, []);
    const after = await doctor(namespace, ...flags);
    expect(after.findings.filter(({ state }) => state === "fail")).toEqual([]);
    expect(after.exitCode).toBe(0);
    expect(after.findings).toContainEqual({
      check: "server",
      state: "ok",
      text: expect.stringContaining(server.address),
    });
    // Without its device nothing goes.
    namespace.ip("link del tun");
    const without = await doctor(namespace, ...flags);
    expect(without.exitCode).toBe(1);
    expect(without.wrong[0]?.text).toStartWith("there is no device tun: ip link add tun type ip6tnl");
  });

  test.concurrent("reads what a running client needs from its status, and that it has the protocol", async () => {
    await using namespace = await OverlayNamespace.create();
    await using server = await startBunbondServer({ command: [...namespace.enter, ...FROM_SOURCE] });
    using directory = temporaryDirectory();
    const socket = join(directory.path, "client.sock");
    await using client = startBunbondClient({
      command: [...namespace.enter, ...FROM_SOURCE],
      servers: [server.address],
      socket,
      flags: ["--tun", "tun", "--install-routes", "100#7"],
    });
    await client.established();
    const { findings, wrong } = await doctor(namespace, "--socket", socket);
    expect(findings).toContainEqual({
      check: "route protocol",
      state: "ok",
      text: expect.stringContaining("254 is that of the client with pid "),
    });
    // No address but ::1, nothing forwarded, no rule.
    expect(wrong.map(({ what }) => what)).toContain("fail source address");
    expect(wrong.find(({ what }) => what === "warn rules")?.text).toContain("table 7");
    // Another client with the same protocol is refused, and the doctor says so.
    const flags = ["client", "--server", server.address, "--tun", "tun", "--install-routes", "100#7"];
    const other = await doctor(namespace, ...flags);
    expect(other.findings.find(({ check }) => check === "route protocol")).toMatchObject({
      state: "fail",
      text: expect.stringContaining("another client of this network namespace has 254"),
    });
  });
});
