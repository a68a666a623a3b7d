/**
 * A configuration file is YAML: one mapping, whose keys are the names of flags. This file reads it as settings with
 * their lines; config-values.ts converts them to a command's values.
 *
 * Bun.YAML uses the last of a repeated key and has no positions; yaml-places.ts adds both. A file that may be
 * incomplete (an empty one, or a list without items) is refused and never read as "nothing": otherwise a reload would
 * withdraw all announcements.
 */

import { open } from "node:fs/promises";
import { fileErrorReason } from "../program/file-error.ts";
import { throwAll, UsageError, type UsageErrorDetail } from "../program/usage-error.ts";
import { faultLine, lineText, locateSettings, type YamlSetting } from "./yaml-places.ts";

/**
 * The largest file, of some 1,700,000 announcements. Reading 100,000 takes about a second, in which the daemon does
 * nothing else.
 */
const MAX_BYTES = 64 << 20;
const MAX_TEXT = "64 MiB";
/** The size of the first read; most files are not larger. */
const FIRST_BYTES = 64 << 10;

export interface ConfigSetting {
  readonly name: string;
  /** The value from Bun.YAML: string, number, boolean, null, array, object. */
  readonly value: unknown;
  /** The line, from 1; null if it could not be found, as for a setting from a YAML merge key. */
  readonly line: number | null;
  /** The lines of all items of a list; empty if they could not be found. */
  readonly itemLines: readonly number[];
}

export interface ConfigFile {
  /** The path as the user gave it. */
  readonly path: string;
  /** The settings, each name once. */
  readonly settings: readonly ConfigSetting[];
}

/**
 * Reads the file's text.
 * @throws UsageError if the file cannot be read, is not UTF-8 text, or is too large
 */
export async function readConfigText(path: string): Promise<string> {
  const bytes = await readUpTo(path, MAX_BYTES + 1);
  if (bytes.length > MAX_BYTES) {
    throw new UsageError(
      "BAD_FILE",
      `larger than ${MAX_TEXT}, the limit of a configuration file`,
      inFile(path, null),
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError("BAD_FILE", "not a text in UTF-8", inFile(path, null));
  }
}

/** Reads at most `limitBytes`, since a device may be endless. */
async function readUpTo(path: string, limitBytes: number): Promise<Uint8Array> {
  let buffer = new Uint8Array(Math.min(FIRST_BYTES, limitBytes));
  let length = 0;
  try {
    await using file = await open(path);
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length === limitBytes) break;
      if (length < buffer.length) continue;
      const longer = new Uint8Array(Math.min(2 * length, limitBytes));
      longer.set(buffer);
      buffer = longer;
    }
  } catch (error) {
    throw new UsageError("BAD_FILE", `cannot be read: ${fileErrorReason(error)}`, inFile(path, null));
  }
  return buffer.subarray(0, length);
}

/** Parses the text. @throws UsageError, with all others of its kind */
export function parseConfig(path: string, text: string): ConfigFile {
  const parsed = parseYaml(text);
  if (parsed.fault !== null) {
    const line = faultLine(text, (part) => parseYaml(part).fault === null);
    const hint = quoteHint(lineText(text, line));
    throw new UsageError("BAD_YAML", `not YAML: ${parsed.fault}`, inFile(path, line, hint));
  }
  const { value } = parsed;
  if (!isMapping(value)) throw new UsageError("BAD_FILE", ...notAMapping(path, text, value));
  const placeOf = new Map<string, YamlSetting>();
  const errors: UsageError[] = [];
  for (const place of locateSettings(text)) {
    const { name, line } = place;
    const first = placeOf.get(name);
    if (first === undefined) {
      placeOf.set(name, place);
      continue;
    }
    const message = `${name} was set on line ${first.line} already`;
    errors.push(new UsageError("REPEATED_SETTING", message, inFile(path, line, "set it once")));
  }
  throwAll(errors);
  const settings = Object.entries(value).map(([name, setting]): ConfigSetting => {
    const place = placeOf.get(name);
    const itemLines = place?.itemLines ?? [];
    const areItems = Array.isArray(setting) && setting.length === itemLines.length;
    return { name, value: setting, line: place?.line ?? null, itemLines: areItems ? itemLines : [] };
  });
  return { path, settings };
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface ParsedYaml {
  readonly value: unknown;
  /** The error of Bun.YAML, as part of a sentence; null if there is none. */
  readonly fault: string | null;
}

function parseYaml(text: string): ParsedYaml {
  try {
    return { value: Bun.YAML.parse(text), fault: null };
  } catch (error) {
    return { value: undefined, fault: faultOf(error) };
  }
}

function faultOf(error: unknown): string {
  if (error instanceof RangeError) return "lists are nested too deeply";
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/^YAML Parse error: /, "")
    .replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());
}

/** Returns a hint: most lines that are not YAML lack quotes, as "[::]:4711", which begins like a list. */
function quoteHint(line: string): string | undefined {
  const [, sign, bracket] = /(?:^\s*-|:)\s+(?:([@`%*])|([[{])[^\]}]*[\]}]\s*[^\s#,\]}])/.exec(line) ?? [];
  const first = sign ?? bracket;
  if (first !== undefined) return `a value that begins with ${first} needs quotes`;
  return /:\s.*:\s/.test(line) ? 'a value with ": " in it needs quotes' : undefined;
}

function notAMapping(
  path: string,
  text: string,
  value: unknown,
): [message: string, detail: UsageErrorDetail] {
  if (value === null || value === undefined) return ["there are no settings in it", inFile(path, null)];
  const lines = text.split("\n");
  const first = lines.findIndex((line) => !/^\s*(#|$)|^(%|---\s*$)/.test(line));
  const second = lines.findIndex((line, index) => index > first && /^---(\s|$)/.test(line));
  if (second > 0) return ["one document is needed, not several", inFile(path, second + 1)];
  const hint = "a file consists of settings, as in keepalive: 5";
  return [
    `${Array.isArray(value) ? "a list" : "a single value"}, not settings`,
    inFile(path, first + 1, hint),
  ];
}

function inFile(path: string, line: number | null, hint?: string): UsageErrorDetail {
  return { place: { path, line }, ...(hint !== undefined && { hint }) };
}
