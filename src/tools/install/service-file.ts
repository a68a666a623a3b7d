/** A file that a host needs to run a daemon as a service. */
export interface ServiceFile {
  /** The absolute path on that host. */
  readonly path: string;
  readonly text: string;
}

/** One section of a unit or of a file of systemd-networkd: its name, and lines "Name=value" or "# comment". */
type Section = readonly [name: string, lines: readonly string[]];

/** Returns the text of a unit, or of a file of systemd-networkd. */
export function sectionsText(sections: readonly Section[]): string {
  return sections
    .map(([name, lines]) => `[${name}]\n${lines.map((line) => `${line}\n`).join("")}`)
    .join("\n");
}
