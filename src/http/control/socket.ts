/**
 * These functions make and find the file of a control socket. A daemon that was killed leaves its file. So a file at
 * which nothing answers is replaced; one at which a daemon answers stays.
 */

import {
  type BigIntStats,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { systemErrorCode } from "../../base/system-error.ts";
import type { ProgramName } from "./api.ts";

/**
 * - `IN_USE`: another daemon answers at the path
 * - `NOT_PERMITTED`: no permission to make the file or its directory, or to connect to it
 * - `NOT_A_SOCKET`: the path is that of another kind of file, which stays
 * - `BAD_PATH`: a socket can never have this path
 */
export type ControlSocketErrorCode = "IN_USE" | "NOT_PERMITTED" | "NOT_A_SOCKET" | "BAD_PATH";

export class ControlSocketError extends Error {
  readonly code: ControlSocketErrorCode;
  readonly path: string;
  override readonly name = "ControlSocketError";

  constructor(code: ControlSocketErrorCode, path: string, message: string) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

/** Options of an lstat that distinguishes files of the same name, and returns undefined if there is no file. */
const EXACT_IF_THERE = { throwIfNoEntry: false, bigint: true } as const;
const DIRECTORY_MODE = 0o755;
/** A bound socket listens within microseconds; until then it refuses connections like a stale one. */
const YOUNG_MS = 1_000;
const LOOK_AGAIN_MS = 50;
/** The umask for the socket's file: it leaves read and write for owner and group. */
const SOCKET_UMASK = 0o117;

export interface ClaimedSocket<T> {
  readonly bound: T;
  /**
   * Calls `unbind`, which removes at once any file at the path, as Bun's servers do. A file that another daemon has
   * made there in the meantime is moved aside during the call.
   */
  release<R>(unbind: () => R): R;
}

/**
 * Makes the directory, removes a stale file and binds. `bind` must make the socket's file at once. Only owner and group
 * can open the file, from the first moment.
 *
 * @throws ControlSocketError
 */
export async function claimSocket<T>(path: string, bind: () => T): Promise<ClaimedSocket<T>> {
  try {
    // All users may enter the directory: the mode of the socket decides which may open it.
    withUmask(0, () => mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE }));
    await removeStale(path);
    const bound = withUmask(SOCKET_UMASK, bind);
    const file = lstatSync(path);
    return { bound, release: (unbind) => unbindBeside(path, file, unbind) };
  } catch (error) {
    throw error instanceof ControlSocketError ? error : socketError(path, error);
  }
}

/** Runs a function with this umask instead of the process's own. */
function withUmask<T>(mask: number, run: () => T): T {
  const umask = process.umask(mask);
  try {
    return run();
  } finally {
    process.umask(umask);
  }
}

function unbindBeside<R>(path: string, ours: Stats, unbind: () => R): R {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined || (file.dev === ours.dev && file.ino === ours.ino)) return unbind();
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    // A process that may not rename the file may not remove it either.
    return unbind();
  }
  try {
    return unbind();
  } finally {
    renameSync(aside, path);
  }
}

async function removeStale(path: string): Promise<void> {
  for (;;) {
    const file = lstatSync(path, EXACT_IF_THERE);
    if (file === undefined) return;
    if (!file.isSocket()) {
      throw new ControlSocketError(
        "NOT_A_SOCKET",
        path,
        `${path} exists and is not a socket; it is not changed`,
      );
    }
    if (await isAnswered(path)) throw inUse(path);
    if (isYoung(file)) {
      await Bun.sleep(LOOK_AGAIN_MS);
    } else if (unlinkSame(path, file)) {
      return;
    }
  }
}

/** Compares with the wall clock; after it was set back, no file is young. */
function isYoung({ ctimeMs }: BigIntStats): boolean {
  const ageMs = Date.now() - Number(ctimeMs);
  return ageMs >= 0 && ageMs < YOUNG_MS;
}

/**
 * Removes the file at the path if it is still the stale one: another daemon that starts just now may have replaced it. The file is
 * moved before it is examined, since it could change between an examination and its removal.
 */
function unlinkSame(path: string, stale: BigIntStats): boolean {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return true;
    throw error;
  }
  const moved = lstatSync(aside, { bigint: true });
  // The number of a freed inode is used again, but its time differs. Nothing is ever written to a socket's file.
  const isSame = moved.ino === stale.ino && moved.mtimeNs === stale.mtimeNs;
  try {
    if (!isSame) linkSync(aside, path);
  } catch {
    // In the meantime yet another daemon has the path.
  }
  unlinkSync(aside);
  return isSame;
}

/** The default names of sockets: server.sock, and server-4711.sock in the same directory. */
const DEFAULT_NAME = /^(client|server)(-\d+)*\.sock$/;

/** Yields the path of the default socket, then the paths to try if others are in use. */
export function* defaultPaths(program: ProgramName, directory: string): Generator<string, never> {
  const ownName = `${program}-${process.pid}`;
  yield join(directory, `${program}.sock`);
  yield join(directory, `${ownName}.sock`);
  // In containers that share the directory, several daemons have the same PID.
  for (let n = 2; ; n++) yield join(directory, `${ownName}-${n}.sock`);
}

export interface FoundSocket {
  readonly path: string;
  /** False if this user may not connect. */
  readonly isAnswered: boolean;
}

/** Returns the sockets with default names in a directory, in order, without stale ones. */
export async function findSockets(directory: string, program: ProgramName | null): Promise<FoundSocket[]> {
  const found: FoundSocket[] = [];
  for (const path of defaultSocketsIn(directory, program)) {
    const answer = await asked(path);
    if (answer !== "stale") found.push({ path, isAnswered: answer === "answered" });
  }
  return found;
}

/** Removes sockets with default names that killed daemons have left. */
export async function removeStaleSockets(directory: string): Promise<void> {
  for (const path of defaultSocketsIn(directory, null)) {
    try {
      const file = lstatSync(path, EXACT_IF_THERE);
      if (file === undefined || !file.isSocket() || isYoung(file)) continue;
      if ((await asked(path)) === "stale") unlinkSame(path, file);
    } catch {
      // The file does no harm.
    }
  }
}

function defaultSocketsIn(directory: string, program: ProgramName | null): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => {
        const of = DEFAULT_NAME.exec(name)?.[1];
        return of !== undefined && (program === null || of === program);
      })
      .map((name) => name.replace(/\.sock$/, ""))
      .sort()
      .map((name) => join(directory, `${name}.sock`));
  } catch {
    // The directory does not exist, or this user may not read it.
    return [];
  }
}

async function asked(path: string): Promise<"answered" | "stale" | "unknown"> {
  try {
    return (await isAnswered(path)) ? "answered" : "stale";
  } catch {
    return "unknown";
  }
}

async function isAnswered(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
    return true;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ECONNREFUSED" || code === "ENOENT") return false;
    // A daemon listens, but its accept queue is full.
    if (code === "EAGAIN") return true;
    throw error;
  }
}

function inUse(path: string): ControlSocketError {
  return new ControlSocketError(
    "IN_USE",
    path,
    `another daemon answers at ${path}: stop it, or give this one a path of its own by --socket PATH (or none)`,
  );
}

function socketError(path: string, error: unknown): ControlSocketError {
  const code = systemErrorCode(error);
  const fail = (socketCode: ControlSocketErrorCode, reason: string) =>
    new ControlSocketError(socketCode, path, `cannot make the control socket ${path}: ${reason}`);
  switch (code) {
    case "EADDRINUSE":
      return inUse(path);
    case "EACCES":
    case "EPERM":
      return fail("NOT_PERMITTED", "no permission");
    case "EROFS":
      return fail("NOT_PERMITTED", "the file system is read-only");
    case "ENAMETOOLONG":
      return fail("BAD_PATH", "a socket's path has at most 107 bytes");
    case "ENOTDIR":
    case "EEXIST":
      return fail("BAD_PATH", `${dirname(path)} is not a directory`);
    default:
      return fail("BAD_PATH", error instanceof Error ? error.message : String(error));
  }
}
