/** What becomes of a lost server's routes: the clock by itself, then servers that go and come. */
import { describe, expect, test } from "bun:test";
import { DEFAULT_STALE_TIMES, StaleTimers } from "../../../src/client/view/stale-timers.ts";
import { ClientRig } from "../../support/network/client-rig.ts";
import { ScriptedLink } from "../../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";
const MINUTE_MS = 60_000;

/** With what it is told at these levels. */
function listeningLogger() {
  const warnings: unknown[] = [];
  const errors: unknown[] = [];
  const note = () => {};
  const logger = {
    debug: note,
    info: note,
    warn: (...line: unknown[]) => warnings.push(line),
    error: (...line: unknown[]) => errors.push(line),
  };
  return { warnings, errors, logger };
}

describe("the staleTimes clock", () => {
  const times = { staleTimeMs: 60, staleTimeAloneMs: 1_000 };

  test("while a server is established, the stale time from the loss", () => {
    const clock = new StaleTimers(times, 0);
    clock.setAnyEstablished(true, 10);
    clock.lost(0, 100);
    expect(clock.nextDeadlineMs).toBe(160);
    expect(clock.takeOverdue(159)).toEqual([]);
    expect(clock.takeOverdue(160)).toEqual([{ server: 0, lostUntilMs: 100 }]);
    expect(clock.takeOverdue(160)).toEqual([]);
    expect(clock.nextDeadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("with none, the other time, from when there was none", () => {
    const clock = new StaleTimers(times, 0);
    clock.setAnyEstablished(true, 10);
    clock.lost(0, 100);
    clock.lost(1, 120);
    expect(clock.setAnyEstablished(false, 120)).toBe(true);
    expect(clock.setAnyEstablished(false, 130)).toBe(false);
    expect(clock.nextDeadlineMs).toBe(1_120);
    expect(clock.takeOverdue(1_120)).toEqual([
      { server: 0, lostUntilMs: 100 },
      { server: 1, lostUntilMs: 120 },
    ]);
  });

  test("a server that returns after a time with none starts all clocks anew", () => {
    const clock = new StaleTimers(times, 0);
    clock.setAnyEstablished(true, 10);
    clock.lost(0, 100);
    clock.setAnyEstablished(false, 100);
    clock.setAnyEstablished(true, 500);
    expect(clock.nextDeadlineMs).toBe(560);
  });

  test("a server that is lost again and again: each loss expires in its time", () => {
    const clock = new StaleTimers(times, 0);
    clock.setAnyEstablished(true, 10);
    for (const lostMs of [100, 120, 140, 180]) clock.lost(0, lostMs);
    expect(clock.takeOverdue(185)).toEqual([{ server: 0, lostUntilMs: 120 }]);
    expect(clock.nextDeadlineMs).toBe(200);
    expect(clock.takeOverdue(240)).toEqual([{ server: 0, lostUntilMs: 180 }]);
  });

  test("for ever is for ever", () => {
    const clock = new StaleTimers(DEFAULT_STALE_TIMES, 0);
    clock.setAnyEstablished(true, 10);
    clock.lost(0, 100);
    clock.setAnyEstablished(false, 100);
    expect(clock.nextDeadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(clock.takeOverdue(1e12)).toEqual([]);
  });
});

describe("a server restarts", () => {
  test("nothing is withdrawn and put back; what is not announced again goes at the End-of-RIB", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const stays = rig.client([1]).announce(R);
    const leaves = rig.client([1]).announce(Q);
    const watcher = rig.client([1]).subscribe(100);
    rig.clock.advance(1_000);
    expect(watcher.log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${Q}`]);
    rig.killServer(1);
    rig.clock.advance(1_000);
    await rig.until(leaves.client.stop());
    await rig.startServer(1, { settleSeconds: 15 });
    rig.clock.advance(14_000);
    expect(watcher.states).toEqual(["established"]);
    expect(watcher.log.takeChanges()).toEqual([]);
    rig.clock.advance(2_000);
    expect(watcher.log.takeChanges()).toEqual([`- ${Q}`]);
    expect(watcher.view).toEqual([R]);
    expect(stays.states).toEqual(["established"]);
  });

  test("twenty clients that return over 5 to 10 s: no withdrawal at any of them", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const clients = Array.from({ length: 20 }, (_, n) =>
      rig.client([1]).subscribe(100).announce(`100 10.0.${n}.0/24 via 2001:db8::${n}`),
    );
    rig.clock.advance(1_000);
    for (const { log } of clients) expect(log.takeChanges().length).toBe(19);
    rig.killServer(1);
    rig.clock.advance(2_000);
    await rig.startServer(1, { settleSeconds: 15 });
    rig.clock.advance(MINUTE_MS);
    for (const { log, states } of clients) {
      expect(states).toEqual(["established"]);
      expect(log.takeChanges()).toEqual([]);
    }
  });

  test("a VNI's routes go at its own End-of-RIB, what was confirmed before it stays", () => {
    const link = new ScriptedLink();
    const other = "200 ::/0 via 2001:db8::1";
    link.subscribe(100, 200);
    link.establish();
    link.say(`ADD ${R}`, `ADD ${Q}`, `ADD ${other}`, "END 100", "END 200");
    link.breakConnection();
    link.clock.advance(5_000);
    link.establish();
    link.say(`ADD ${R}`);
    link.log.takeChanges();
    link.say("END 100");
    expect(link.log.takeChanges()).toEqual([`- ${Q}`]);
    link.say("END 200");
    expect(link.log.takeChanges()).toEqual([`- ${other}`]);
    expect(link.log.view).toEqual([R]);
  });

  test("as one that sends no End-of-RIBs, though it did before: it is another program now", () => {
    const link = new ScriptedLink();
    link.subscribe(100);
    link.establish();
    link.say(`ADD ${R}`, "END 100");
    link.breakConnection();
    link.clock.advance(5_000);
    link.establish();
    link.answerAll();
    link.log.takeChanges();
    for (let second = 0; second < 16; second++) {
      link.clock.advance(1_000);
      link.answerAll();
    }
    expect(link.log.takeChanges()).toEqual([`- ${R}`]);
  });
});

test("the silence of a dead connection is no quiet: what was not told again goes when the server has answered", () => {
  const link = new ScriptedLink({ keepaliveSeconds: 100 });
  link.subscribe(100);
  link.establish(100);
  link.say(`ADD ${R}`, "END 100");
  link.breakConnection();
  link.clock.advance(10_000);
  link.establish(100);
  link.answerAll();
  link.log.takeChanges();
  link.clock.advance(MINUTE_MS / 2);
  expect(link.log.takeChanges()).toEqual([]);
  link.answerAll();
  expect(link.log.takeChanges()).toEqual([`- ${R}`]);
});

test("what was not told again goes in time, also when the clock moves on between two looks at it", () => {
  const link = new ScriptedLink();
  const { clock } = link;
  link.subscribe(100);
  link.establish();
  link.say(`ADD ${R}`, "END 100");
  link.breakConnection();
  clock.advance(6_000);
  const nowMs = clock.nowMs.bind(clock);
  clock.nowMs = () => {
    clock.freeze(0.001);
    return nowMs();
  };
  link.establish();
  clock.nowMs = nowMs;
  link.answerAll();
  link.log.takeChanges();
  for (let second = 0; second < 16; second++) {
    clock.advance(1_000);
    link.answerAll();
  }
  expect(link.log.takeChanges()).toEqual([`- ${R}`]);
});

describe("a client that stood still hears first what waits at its sockets", () => {
  /** Its timers are long due when it goes on, and come before the input: so it is where both are ready. */
  function goOn(link: ScriptedLink, ...frames: readonly string[]): void {
    link.clock.freeze(20_000);
    link.clock.after(0, () => link.say(...frames));
    link.clock.settle();
  }

  test("before it drops by time what a server that has returned has not told again", () => {
    const link = new ScriptedLink();
    link.subscribe(100);
    link.establish();
    link.say(`ADD ${R}`, `ADD ${Q}`, "END 100");
    link.breakConnection();
    link.clock.advance(5_000);
    link.establish();
    link.answerAll();
    link.log.takeChanges();
    goOn(link, `ADD ${R}`, "END 100");
    expect(link.log.takeChanges()).toEqual([`- ${Q}`]);
  });

  test("before it takes by time a view to be whole", () => {
    const link = new ScriptedLink();
    link.subscribe(100);
    link.establish();
    link.answerAll();
    goOn(link, `ADD ${R}`);
    expect(link.log.takeWhole()).toEqual([]);
    link.clock.advance(1_000);
    // It was asked before the ADD; only what it is asked now counts.
    link.answerAll();
    expect(link.log.takeWhole()).toEqual([]);
    link.answerAll();
    expect(link.log.takeWhole()).toEqual([100]);
  });

  test("before a stale time ends, which counts only while another server is there", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    rig.client([1]).announce(R);
    const { log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(1_000);
    log.takeChanges();
    rig.killServer(1);
    rig.clock.advance(1_000);
    // The other one falls silent meanwhile, and is back in some seconds.
    rig.clock.freeze(2 * MINUTE_MS);
    rig.clock.advance(MINUTE_MS);
    expect(log.takeChanges()).toEqual([]);
    rig.clock.advance(MINUTE_MS);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
  });
});

describe("a server stays away", () => {
  test("with another one established its routes go when the stale time ends", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    rig.client([1]).announce(R);
    rig.client([1, 2]).announce(Q);
    const { log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(1_000);
    log.takeChanges();
    rig.killServer(1);
    rig.clock.advance(MINUTE_MS - 10);
    expect(log.takeChanges()).toEqual([]);
    rig.clock.advance(20);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
    expect(log.view).toEqual([Q]);
  });

  test("a withdrawal by the live server takes its copies along at once", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    const announcer = rig.client([1, 2]).announce(R);
    const { log } = rig.client([1, 2]).subscribe(100);
    rig.clock.advance(1_000);
    rig.killServer(1);
    rig.clock.advance(1_000);
    log.takeChanges();
    announcer.withdraw(R);
    rig.clock.advance(100);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
  });

  test("with no server left they stay for ever, and loudly", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    const { errors, logger } = listeningLogger();
    rig.client([1]).announce(R);
    const { log } = rig.client([1], { logger }).subscribe(100);
    rig.clock.advance(1_000);
    expect(errors).toEqual([]);
    rig.stopServer(1);
    rig.clock.advance(10 * MINUTE_MS);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    expect(errors).toEqual([
      ["no server is established; the last known routes are kept", { routes: 1, forSeconds: "forever" }],
    ]);
  });

  test("or as long as they are told to, and their end is in the log", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    rig.client([1]).announce(R);
    const staleTimes = { staleTimeMs: MINUTE_MS, staleTimeAloneMs: 5 * MINUTE_MS };
    const { warnings, logger } = listeningLogger();
    const { log } = rig.client([1, 2], { staleTimes, logger }).subscribe(100);
    rig.clock.advance(1_000);
    rig.killServer(1);
    rig.clock.advance(5 * MINUTE_MS - 10);
    expect(log.takeChanges()).toEqual([`+ ${R}`]);
    warnings.length = 0;
    rig.clock.advance(20);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
    expect(warnings).toEqual([
      [
        "stale time is over: routes of a lost server are dropped unless another server has them",
        { routes: 1 },
      ],
    ]);
  });

  test("or not at all", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    rig.client([1]).announce(R);
    const { errors, logger } = listeningLogger();
    const { log } = rig
      .client([1], { staleTimes: { staleTimeMs: MINUTE_MS, staleTimeAloneMs: 0 }, logger })
      .subscribe(100);
    rig.clock.advance(1_000);
    rig.stopServer(1);
    rig.clock.advance(10);
    expect(log.takeChanges()).toEqual([`+ ${R}`, `- ${R}`]);
    expect(errors).toEqual([["no server is established; the received routes are dropped", { routes: 1 }]]);
  });

  test("when another server comes back after that, the stale time starts then", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    rig.client([1]).announce(R);
    const { log } = rig.client([1, 2], { retry: { minMs: 1_000, maxMs: 1_000 } }).subscribe(100);
    rig.clock.advance(500);
    log.takeChanges();
    rig.killServer(1);
    rig.clock.advance(50_000);
    rig.killServer(2);
    rig.clock.advance(50_000);
    await rig.startServer(2);
    rig.clock.advance(2_000);
    rig.clock.advance(MINUTE_MS - 4_000);
    expect(log.takeChanges()).toEqual([]);
    rig.clock.advance(4_000);
    expect(log.takeChanges()).toEqual([`- ${R}`]);
  });
});

describe("a server flaps", () => {
  /** Server 2 is there all the time. Server 1 had R and Q, and comes back without them, never for long enough to say so. */
  test("what it does not confirm goes when the time of its first loss ends", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    const announcer = rig.client([1]).announce(R, Q);
    const retry = { minMs: 1_000, maxMs: 1_000 };
    const { log } = rig.client([1, 2], { retry }).subscribe(100);
    rig.clock.advance(500);
    log.takeChanges();
    await announcer.client.stop(0);
    rig.killServer(1);
    for (let second = 0; second < 55; second += 5) {
      rig.clock.advance(3_000);
      await rig.startServer(1, { settleSeconds: 15 });
      rig.clock.advance(2_000);
      rig.killServer(1);
    }
    expect(log.view).toEqual([R, Q]);
    rig.clock.advance(6_000);
    expect(log.view).toEqual([]);
  });

  test("what it confirms each time stays", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    const retry = { minMs: 100, maxMs: 200 };
    rig.client([1], { retry }).announce(R);
    const { log } = rig.client([1, 2], { retry }).subscribe(100);
    rig.clock.advance(500);
    log.takeChanges();
    for (let minute = 0; minute < 10; minute++) {
      rig.killServer(1);
      rig.clock.advance(20_000);
      await rig.startServer(1, { settleSeconds: 15 });
      rig.clock.advance(40_000);
    }
    expect(log.takeChanges()).toEqual([]);
  });

  test("every second for a minute: views exact at the end", async () => {
    const rig = new ClientRig();
    await rig.startServer(1);
    await rig.startServer(2);
    const a = rig.client([1, 2]).announce(R);
    const { log } = rig.client([1, 2]).subscribe(100);
    for (let second = 0; second < 60; second++) {
      rig.cutConnections(1);
      if (second % 2 === 0) a.announce(Q);
      else a.withdraw(Q);
      rig.clock.advance(1_000);
    }
    rig.clock.advance(30_000);
    expect(log.view).toEqual([R]);
    a.announce(Q);
    rig.clock.advance(1_000);
    expect(log.view).toEqual([R, Q]);
  });
});
