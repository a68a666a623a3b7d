/**
 * The file of a control socket. A daemon that was killed leaves it behind, so one that nobody answers at is
 * replaced; one that somebody answers at is another daemon's, and stays.
 */
import { lstatSync, mkdirSync, renameSync, type Stats, unlinkSync } from "node:fs";
import { dirname } from "node:path";

/**
 * - `IN_USE`: another daemon answers there
 * - `NOT_PERMITTED`: no right to make the file or its directory, or to see whether somebody answers
 * - `NOT_A_SOCKET`: something else is there, and stays
 * - `BAD_PATH`: no socket can be there, ever
 */
export type ControlSocketErrorCode = "IN_USE" | "NOT_PERMITTED" | "NOT_A_SOCKET" | "BAD_PATH";

export class ControlSocketError extends Error {
  override readonly name = "ControlSocketError";

  constructor(
    readonly code: ControlSocketErrorCode,
    readonly path: string,
    message: string,
  ) {
    super(message);
  }
}

/** For an lstat that tells one file from the next of the same name, and takes it that there may be none. */
const EXACT_IF_THERE = { throwIfNoEntry: false, bigint: true } as const;
const DIRECTORY_MODE = 0o755;
/** Of what the socket's file is made with, this is taken away: read and write stay for owner and group. */
const SOCKET_UMASK = 0o117;

export interface ClaimedSocket<T> {
  readonly bound: T;
  /**
   * Calls `unbind`, which at once removes whatever file is at the path, as Bun's servers do. One that another daemon has
   * made there since is moved aside for that moment.
   */
  release<R>(unbind: () => R): R;
}

/**
 * Makes the way free, the directory included, and binds: `bind` has to make the socket's file at once. Nobody but
 * owner and group can open it at any moment.
 *
 * @throws ControlSocketError
 */
export async function claimSocket<T>(path: string, bind: () => T): Promise<ClaimedSocket<T>> {
  try {
    // Others may enter it: the socket's own mode says who may open that.
    withUmask(0, () => mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE }));
    await removeStale(path);
    const bound = withUmask(SOCKET_UMASK, bind);
    const file = lstatSync(path);
    return { bound, release: (unbind) => unbindBeside(path, file, unbind) };
  } catch (error) {
    throw error instanceof ControlSocketError ? error : socketError(path, error);
  }
}

/** Runs it with that umask, whatever this process's is. */
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
    // Who may not rename it may not remove it either.
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
      throw new ControlSocketError("NOT_A_SOCKET", path, `${path} is there and no socket: it is left alone`);
    }
    if (await isAnswered(path)) throw inUse(path);
    // Another daemon that starts just now may have been faster: then this is its socket, and is asked.
    const now = lstatSync(path, EXACT_IF_THERE);
    if (now === undefined) return;
    // A freed inode's number is given again, its time is not.
    if (now.ino === file.ino && now.ctimeNs === file.ctimeNs) {
      unlinkSync(path);
      return;
    }
  }
}

async function isAnswered(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ECONNREFUSED" || code === "ENOENT") return false;
    // Somebody listens who has no time to accept.
    if (code === "EAGAIN") return true;
    throw error;
  }
}

function inUse(path: string): ControlSocketError {
  return new ControlSocketError(
    "IN_USE",
    path,
    `another daemon answers at ${path}: stop it, or give this one its own with --socket PATH (or none)`,
  );
}

function socketError(path: string, error: unknown): ControlSocketError {
  const code = codeOf(error);
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
      return fail("BAD_PATH", `${dirname(path)} is no directory`);
    default:
      return fail("BAD_PATH", error instanceof Error ? error.message : String(error));
  }
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
