/** What other programs of the host print. */

const COMMAND_WITHIN_MS = 3_000;

/** Resolves to the objects that `ip -json` prints, with numbers instead of the names of tables; null if that fails. */
export async function ipJson(
  ...words: readonly string[]
): Promise<readonly Readonly<Record<string, unknown>>[] | null> {
  const text = await outputOf(["ip", "-N", "-json", ...words]);
  if (text === null) return null;
  try {
    const answer: unknown = JSON.parse(text.trim() === "" ? "[]" : text);
    return Array.isArray(answer) ? answer.filter((one) => typeof one === "object" && one !== null) : null;
  } catch {
    return null;
  }
}

/** Resolves to the VRFs; none if iproute2 is not installed. */
export async function vrfs(): Promise<{ readonly name: string; readonly table: number }[]> {
  const links = (await ipJson("-details", "link", "show", "type", "vrf")) ?? [];
  return links.flatMap(({ ifname, linkinfo }) => {
    const data: unknown = isRecord(linkinfo) ? linkinfo.info_data : null;
    const table = isRecord(data) ? Number(data.table) : Number.NaN;
    return typeof ifname === "string" && Number.isInteger(table) ? [{ name: ifname, table }] : [];
  });
}

/** The parts of a link that are read; a value may be of any shape. */
interface LinkData {
  readonly info_data?: unknown;
  readonly table?: unknown;
}

function isRecord(value: unknown): value is LinkData {
  return typeof value === "object" && value !== null;
}

/** Resolves to what a program prints; null if it is not installed, fails, or takes too long. */
export async function outputOf(command: readonly string[]): Promise<string | null> {
  const [program = ""] = command;
  if (Bun.which(program) === null) return null;
  const child = Bun.spawn([...command], { stdin: "ignore", stderr: "ignore", timeout: COMMAND_WITHIN_MS });
  const text = await new Response(child.stdout).text();
  return (await child.exited) === 0 ? text : null;
}
