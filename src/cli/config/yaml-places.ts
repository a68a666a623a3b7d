/**
 * These functions find the lines of a YAML text's settings (the keys of the top-level mapping) and of the items of
 * their lists, for messages. Bun.YAML has no positions.
 *
 *     # text            settings
 *     vni: [100,        vni       line 2, items on lines 2 and 3
 *       200]
 *     announce:         announce  line 4, items on lines 5 and 7
 *     - 100#…
 *     # a comment
 *     - 200#…
 *
 * This is not a second YAML parser. In a text that Bun.YAML accepts, indented lines belong to the setting above them,
 * and that is nearly all that is needed; in addition only quotes, flow lists and comments are recognised. The caller
 * compares the result with that of Bun.YAML, and uses only what matches. For a text that Bun.YAML refuses, {@link
 * faultLine} finds the wrong line.
 */

export interface YamlSetting {
  readonly name: string;
  /** The line, from 1. */
  readonly line: number;
  /** The lines of the items if the value is a list; otherwise empty. */
  readonly itemLines: readonly number[];
}

/** Returns the settings in their order, repeated ones included. */
export function locateSettings(text: string): readonly YamlSetting[] {
  const { lines, settings } = scan(text);
  return settings.map(({ name, at, itemsAt }) => ({
    name,
    line: lines.numberAt(at),
    itemLines: itemsAt.map((itemAt) => lines.numberAt(itemAt)),
  }));
}

/**
 * Returns the line of a text that `parses` refuses on which the unreadable part begins. A part that spans several
 * lines, such as a flow list or a quoted text, counts as its first line.
 */
export function faultLine(text: string, parses: (text: string) => boolean): number {
  const { lines, freshAt } = scan(text);
  // The text up to `good` can be read, and the text up to `bad` cannot.
  let good = 0;
  let bad = freshAt.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (parses(text.slice(0, freshAt[middle]))) good = middle;
    else bad = middle;
  }
  return lines.numberAt(freshAt[good] ?? 0);
}

/** Returns a line by its number, from 1. */
export function lineText(text: string, line: number): string {
  return text.split("\n", line)[line - 1] ?? "";
}

interface FoundSetting {
  readonly name: string;
  readonly at: number;
  readonly itemsAt: number[];
}

interface Scan {
  readonly lines: Lines;
  readonly settings: FoundSetting[];
  /** Offsets of lines at which nothing is open that needs an end, so the text can be divided there. */
  readonly freshAt: number[];
}

/** Matches a key with its colon: quoted, or plain and then followed by white space. No setting's name is long. */
const KEY =
  /(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\n]|'')*)')[ \t]*:|([^\s#,[\]{}"'](?:[^\n:]|:(?=\S)){0,99}?)[ \t]*:(?=\s|$)/y;
const DOCUMENT_MARK = /(?:---|\.\.\.)(?=\s|$)/y;
/** Matches anchors and tags before a value. */
const PROPERTIES = /(?:[&!]\S*[ \t]*)*/y;
const ITEM_MARK = /-(?=\s|$)/y;
const BLANKS = /[ \t]*/y;
const BLANKS_AND_BREAKS = /\s*/y;

function scan(text: string): Scan {
  const lines = new Lines(text);
  const settings: FoundSetting[] = [];
  const freshAt: number[] = [];
  /** The setting whose value has not begun yet, or is a list. Lines below other settings are no items. */
  let open: { readonly setting: FoundSetting; itemIndent: number } | null = null;
  for (let at = 0; at < text.length; ) {
    freshAt.push(at);
    const contentAt = endOf(BLANKS, text, at);
    const indent = contentAt - at;
    const character = text[contentAt];
    const markEnd = endOf(DOCUMENT_MARK, text, at);
    const valueAt = markEnd > at ? endOf(BLANKS, text, markEnd) : contentAt;
    if (text[valueAt] === "{" && settings.length === 0) {
      const mapping = scanFlow(text, valueAt);
      for (const childAt of mapping.childrenAt) settings.push(...flowSetting(text, childAt));
      at = lines.nextAt(mapping.end);
    } else if (markEnd > at || character === undefined || "\r\n#%".includes(character)) {
      at = lines.nextAt(at);
    } else if (open !== null && endOf(ITEM_MARK, text, contentAt) > contentAt) {
      if (open.itemIndent < 0) open.itemIndent = indent;
      if (open.itemIndent === indent) open.setting.itemsAt.push(contentAt);
      at = lines.nextAt(scanValue(text, contentAt + 1).end);
    } else if (indent === 0) {
      const key = keyAt(text, at);
      open = null;
      if (key === null) {
        at = lines.nextAt(at);
        continue;
      }
      const value = scanValue(text, key.end);
      const setting: FoundSetting = { name: key.name, at, itemsAt: value.childrenAt };
      settings.push(setting);
      if (value.isEmpty) open = { setting, itemIndent: -1 };
      at = lines.nextAt(value.end);
    } else if (open !== null && open.itemIndent < 0) {
      // The value begins on a line of its own.
      const value = scanValue(text, contentAt);
      open.setting.itemsAt.push(...value.childrenAt);
      open = null;
      at = lines.nextAt(value.end);
    } else {
      at = lines.nextAt(at);
    }
  }
  return { lines, settings, freshAt };
}

interface Value {
  /** The offsets of the items of a flow list. */
  readonly childrenAt: number[];
  /**
   * An offset on the line on which the value ends; for a plain text and a block of text, the offset at which it begins.
   */
  readonly end: number;
  /** True if there is nothing after the key: the value is on the lines below. */
  readonly isEmpty: boolean;
}

function scanValue(text: string, from: number): Value {
  const at = endOf(PROPERTIES, text, endOf(BLANKS, text, from));
  const first = text[at];
  if (first === "[") return { ...scanFlow(text, at), isEmpty: false };
  if (first === "{") return { childrenAt: [], end: scanFlow(text, at).end, isEmpty: false };
  const end = first === '"' || first === "'" ? endOfQuoted(text, at) : at;
  const isEmpty = first === undefined || "\r\n#".includes(first);
  return { childrenAt: [], end, isEmpty };
}

/**
 * Returns where the items of a flow list or mapping begin, and where it ends: after its bracket, or at the end of the
 * text.
 */
function scanFlow(text: string, openAt: number): { readonly childrenAt: number[]; readonly end: number } {
  const childrenAt: number[] = [];
  let depth = 0;
  let childIsDue = false;
  /** True where a value may begin: only there does a quote begin a quoted text. */
  let valueMayBegin = true;
  for (let at = openAt; at < text.length; at++) {
    const character = text[at] ?? "";
    if (/\s/.test(character)) continue;
    if (character === "#" && /\s/.test(text[at - 1] ?? "")) {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
      continue;
    }
    if (character === "]" || character === "}") {
      if (--depth === 0) return { childrenAt, end: at + 1 };
      valueMayBegin = false;
      continue;
    }
    if (character === ",") {
      if (depth === 1) childIsDue = true;
      valueMayBegin = true;
      continue;
    }
    if (childIsDue) childrenAt.push(at);
    childIsDue = false;
    if (character === "[" || character === "{") {
      if (++depth === 1) childIsDue = true;
      valueMayBegin = true;
    } else if (valueMayBegin && (character === '"' || character === "'")) {
      at = endOfQuoted(text, at) - 1;
      valueMayBegin = false;
    } else {
      valueMayBegin = character === ":";
    }
  }
  return { childrenAt, end: text.length };
}

/** Returns the setting at an item of a mapping in braces. */
function flowSetting(text: string, at: number): FoundSetting[] {
  const key = keyAt(text, at);
  if (key === null) return [];
  const valueAt = endOf(BLANKS_AND_BREAKS, text, key.end);
  return [{ name: key.name, at, itemsAt: scanValue(text, valueAt).childrenAt }];
}

function keyAt(text: string, at: number): { readonly name: string; readonly end: number } | null {
  KEY.lastIndex = at;
  const match = KEY.exec(text);
  if (match === null) return null;
  const [all, double, single, plain] = match;
  return { name: double ?? single ?? plain ?? "", end: at + all.length };
}

/** Returns the offset after the closing quote, or the end of the text. */
function endOfQuoted(text: string, at: number): number {
  const quoted = text[at] === '"' ? /"(?:[^"\\]|\\[\s\S])*"/y : /'(?:[^']|'')*'/y;
  const end = endOf(quoted, text, at);
  return end > at ? end : text.length;
}

/** Returns the end of a sticky expression's match at the offset, or the offset itself if there is no match. */
function endOf(sticky: RegExp, text: string, at: number): number {
  sticky.lastIndex = at;
  const [match = ""] = sticky.exec(text) ?? [];
  return at + match.length;
}

class Lines {
  readonly #text: string;
  /** The offset at which each line begins. */
  readonly #startsAt: number[] = [0];

  constructor(text: string) {
    this.#text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#startsAt.push(at + 1);
  }

  /** Returns the number of the line that contains the offset, from 1. */
  numberAt(offset: number): number {
    let low = 0;
    let high = this.#startsAt.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#startsAt[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return high;
  }

  /** Returns where the line after that of the offset begins; the end of the text if there is none. */
  nextAt(offset: number): number {
    const end = this.#text.indexOf("\n", offset);
    return end < 0 ? this.#text.length : end + 1;
  }
}
