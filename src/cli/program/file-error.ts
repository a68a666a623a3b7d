import { systemErrorCode } from "../../base/system-error.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
};

/** Returns why a file cannot be read, in a few words. */
export function fileErrorReason(error: unknown): string {
  return REASONS[systemErrorCode(error) ?? ""] ?? (error instanceof Error ? error.message : String(error));
}
