/**
 * A server that loses most of its announcers at once: it was cut off, or its machine was paused, clock and all. None of the
 * clients may see the others' routes go; and one that really dies is withdrawn in its time.
 */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import type { ClientCore } from "../../src/client/client-core.ts";
import type { Server } from "../../src/server/server.ts";
import { SeededRandom } from "../support/models/random.ts";
import { ClientRig, type RigClient } from "../support/network/client-rig.ts";
import { SimulatedProcess } from "../support/scenario/simulated-process.ts";

const CLIENTS = 10;
const routeOf = (n: number) => `100 10.0.${n}.0/24 via 2001:db8::${n + 1}`;

interface Hypervisor {
  readonly process: SimulatedProcess;
  readonly rig: RigClient;
}

interface Rig {
  readonly rig: ClientRig;
  readonly server: Server;
  readonly host: SimulatedProcess;
  readonly hypervisors: readonly Hypervisor[];
  readonly warnings: string[];
}

/** Hypervisors that announce a route each and see the others'. */
async function setup(
  options: { clients?: number; retainSeconds?: number; settleSeconds?: number } = {},
): Promise<Rig> {
  const { clients = CLIENTS, retainSeconds = 0, settleSeconds = 15 } = options;
  const rig = new ClientRig({ delayMs: 1, retransmitsSyn: true });
  const { clock, network } = rig;
  const host = new SimulatedProcess(clock, network);
  const warnings: string[] = [];
  const logger = {
    ...silentLogger,
    warn(message: string) {
      // That a peer is gone is said for each; here it is about what the server makes of it.
      if (!message.startsWith("peer disconnected")) warnings.push(message);
    },
  };
  const server = await rig.startServer(1, {
    retainSeconds,
    settleSeconds,
    clock: host,
    network: host,
    logger,
  });
  const random = new SeededRandom(1);
  const hypervisors: Hypervisor[] = [];
  for (let n = 0; n < clients; n++) {
    const process = new SimulatedProcess(clock, network);
    hypervisors.push({
      process,
      rig: rig.client([1], { clock: process, network: process }).announce(routeOf(n)).subscribe(100),
    });
    // Their KEEPALIVEs are spread over the interval.
    clock.advance(random.below(1_000));
  }
  clock.advance(40_000);
  for (const { rig } of hypervisors) {
    expect(rig.view).toHaveLength(clients - 1);
    rig.log.takeChanges();
  }
  return { rig, server, host, hypervisors, warnings };
}

const changes = (hypervisors: readonly Hypervisor[]) =>
  hypervisors.flatMap(({ rig }) => rig.log.takeChanges());
const vanish = (hypervisor: Hypervisor | undefined) => hypervisor?.process.vanish();
const clientOf = (hypervisor: Hypervisor | undefined): ClientCore => {
  if (hypervisor === undefined) throw new Error("no such hypervisor");
  return hypervisor.rig.client;
};
const setCut = ({ network }: ClientRig, rig: ClientRig, isCut: boolean) => {
  rig.setStalled(1, isCut);
  if (isCut) network.silent.add("[::1]:1");
  else network.silent.delete("[::1]:1");
};

describe("a server whose link is cut", () => {
  test.each([5, 8, 10, 13, 15, 20, 30, 45, 120, 3_600])(
    "for %d s takes no route from anybody",
    async (seconds) => {
      for (const phaseMs of [0, 1_700, 3_300]) {
        const { rig, hypervisors, server } = await setup();
        rig.clock.advance(phaseMs);
        setCut(rig, rig, true);
        rig.clock.advance(1_000 * seconds);
        setCut(rig, rig, false);
        rig.clock.advance(90_000);
        expect(changes(hypervisors)).toEqual([]);
        expect(server.stats()).toMatchObject({ establishedPeers: CLIENTS, routes: CLIENTS, isSettled: true });
      }
    },
  );

  test("time and again neither", async () => {
    const { rig, hypervisors } = await setup();
    for (const seconds of [15, 15, 15, 40, 15]) {
      setCut(rig, rig, true);
      rig.clock.advance(1_000 * seconds);
      setCut(rig, rig, false);
      rig.clock.advance(30_000);
    }
    expect(changes(hypervisors)).toEqual([]);
  });

  test("ten times a day neither, but not for ever", async () => {
    const { rig, hypervisors, warnings } = await setup();
    const cutAgain = () => {
      setCut(rig, rig, true);
      rig.clock.advance(15_000);
      setCut(rig, rig, false);
      rig.clock.advance(45_000);
    };
    for (let times = 0; times < 10; times++) {
      cutAgain();
      rig.clock.advance(8_640_000);
    }
    expect(changes(hypervisors)).toEqual([]);
    warnings.length = 0;
    // Whoever goes on doing so cannot keep End-of-RIBs and withdrawals back for ever.
    for (let times = 0; times < 30; times++) cutAgain();
    expect(warnings).toContain(
      "most announcers were lost at once again; the server no longer waits for them",
    );
    expect(changes(hypervisors)).not.toEqual([]);
    warnings.length = 0;
    rig.clock.advance(3_600_000);
    changes(hypervisors);
    cutAgain();
    expect(changes(hypervisors)).toEqual([]);
  });

  test("says so once for each cut", async () => {
    const { rig, warnings } = await setup();
    setCut(rig, rig, true);
    rig.clock.advance(15_000);
    setCut(rig, rig, false);
    rig.clock.advance(60_000);
    expect(warnings).toEqual([
      "most announcers were lost at once; the server waits for them, as after a failure of its own link",
    ]);
  });

  test("withdraws what has not come back when it has settled", async () => {
    const { rig, hypervisors } = await setup();
    setCut(rig, rig, true);
    rig.clock.advance(20_000);
    vanish(hypervisors[3]);
    setCut(rig, rig, false);
    rig.clock.advance(10_000);
    expect(changes(hypervisors)).toEqual([]);
    rig.clock.advance(30_000);
    expect(new Set(changes(hypervisors))).toEqual(new Set([`- ${routeOf(3)}`]));
  });

  test("and is as strict as before afterwards", async () => {
    const { rig, hypervisors } = await setup();
    setCut(rig, rig, true);
    rig.clock.advance(15_000);
    setCut(rig, rig, false);
    rig.clock.advance(60_000);
    await rig.until(clientOf(hypervisors[3]).stop(0, "keep"));
    rig.clock.advance(100);
    expect(new Set(changes(hypervisors))).toEqual(new Set([`- ${routeOf(3)}`]));
  });

  test("keeps for longer what it is told to retain for longer", async () => {
    const { rig, hypervisors } = await setup({ retainSeconds: 300 });
    setCut(rig, rig, true);
    rig.clock.advance(20_000);
    vanish(hypervisors[3]);
    setCut(rig, rig, false);
    rig.clock.advance(250_000);
    expect(changes(hypervisors)).toEqual([]);
    rig.clock.advance(60_000);
    expect(new Set(changes(hypervisors))).toEqual(new Set([`- ${routeOf(3)}`]));
  });
});

describe("a server whose machine was paused, with its clock", () => {
  test.each([14, 20, 25, 60, 600])("for %d s takes no route from anybody", async (seconds) => {
    for (const setsTime of [false, true]) {
      const { rig, hypervisors, host, server } = await setup();
      host.pauseMachine();
      rig.clock.advance(1_000 * seconds);
      host.resumeMachine({ setsTime });
      rig.clock.advance(90_000);
      expect(changes(hypervisors)).toEqual([]);
      expect(server.stats()).toMatchObject({ establishedPeers: CLIENTS, routes: CLIENTS, isSettled: true });
    }
  });
});

describe("a time of day that is set", () => {
  const STOOD_STILL = "this process was suspended; it waits for its clients to return";

  test("forward looks like a suspension, and harms nobody", async () => {
    const { rig, hypervisors, warnings, server } = await setup();
    rig.clock.wallAheadMs += 3_600_000;
    rig.clock.advance(14_000);
    expect(server.stats().isSettled).toBe(false);
    rig.clock.advance(2_000);
    expect(server.stats().isSettled).toBe(true);
    expect([changes(hypervisors), warnings]).toEqual([[], [STOOD_STILL]]);
  });

  test("back, or by little, is nothing", async () => {
    const { rig, warnings } = await setup();
    for (const stepMs of [-3_600_000, 1_000, 1_200_000, -86_400_000]) {
      rig.clock.wallAheadMs += stepMs;
      rig.clock.advance(10_000);
    }
    expect(warnings).toEqual([]);
  });

  test("to and fro all the time is one suspension at most", async () => {
    const { rig, warnings, server } = await setup();
    for (let turn = 0; turn < 300; turn++) {
      rig.clock.wallAheadMs += turn % 2 === 0 ? 3_600_000 : -3_600_000;
      rig.clock.advance(100);
    }
    expect([warnings, server.stats().isSettled]).toEqual([[STOOD_STILL], true]);
  });
});

describe("an announcer that really dies is withdrawn in its time", () => {
  test.each([2, 3, 10])("one of %d", async (clients) => {
    const { rig, hypervisors, warnings } = await setup({ clients });
    vanish(hypervisors[1]);
    rig.clock.advance(12_500);
    expect(new Set(changes(hypervisors))).toEqual(new Set([`- ${routeOf(1)}`]));
    await rig.until(clientOf(hypervisors[0]).stop(0, "keep"));
    rig.clock.advance(2);
    if (clients > 2) expect(new Set(changes(hypervisors.slice(2)))).toEqual(new Set([`- ${routeOf(0)}`]));
    expect(warnings).toEqual([]);
  });

  test("four of ten, at once", async () => {
    const { rig, hypervisors } = await setup();
    for (const hypervisor of hypervisors.slice(0, 4)) vanish(hypervisor);
    rig.clock.advance(12_700);
    expect(new Set(changes(hypervisors.slice(4)))).toEqual(
      new Set([0, 1, 2, 3].map((n) => `- ${routeOf(n)}`)),
    );
  });

  test("one after the other, until none is left but the last", async () => {
    const { rig, hypervisors } = await setup();
    for (const hypervisor of hypervisors.slice(0, 9)) {
      vanish(hypervisor);
      rig.clock.advance(15_000);
      expect(new Set(changes(hypervisors.slice(9))).size).toBe(1);
    }
  });

  test("most of them at once are withdrawn when it has settled", async () => {
    const { rig, hypervisors } = await setup();
    for (const hypervisor of hypervisors.slice(0, 7)) vanish(hypervisor);
    rig.clock.advance(20_000);
    expect(changes(hypervisors.slice(7))).toEqual([]);
    rig.clock.advance(20_000);
    expect(new Set(changes(hypervisors.slice(7))).size).toBe(7);
  });

  test("without a time to settle nobody is waited for", async () => {
    const { rig, hypervisors, server } = await setup({ settleSeconds: 0 });
    for (const hypervisor of hypervisors.slice(0, 9)) vanish(hypervisor);
    rig.clock.advance(12_500);
    expect(server.stats()).toMatchObject({ routes: 1, retainedAnnouncements: 0 });
  });
});

test("a server that is stopped while losses are not judged yet waits for nobody any more", async () => {
  const rig = new ClientRig();
  let lost = 0;
  const server = await rig.startServer(1, {
    settleSeconds: 15,
    handler: {
      peerGone() {
        if (++lost === 2) server.stop();
      },
    },
  });
  const processes = [0, 1, 2].map((n) => {
    const process = new SimulatedProcess(rig.clock, rig.network);
    rig.client([1], { clock: process, network: process }).announce(routeOf(n));
    return process;
  });
  rig.clock.advance(20_000);
  for (const process of processes) process.kill("reset");
  rig.clock.advance(60_000);
  expect(lost).toBe(3);
  expect(rig.clock.pendingTimers).toBe(0);
});
