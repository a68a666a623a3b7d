/** Reads the settings of systemd-networkd by which it removes other programs' routes, nexthops and rules (networkd.conf(5)). */

const SETTINGS = ["ManageForeignRoutes", "ManageForeignNextHops", "ManageForeignRoutingPolicyRules"] as const;
export type NetworkdSetting = (typeof SETTINGS)[number];

/** Words for "no" (systemd.syntax(7)). */
const NO = /^(no|false|off|n|f|0)$/i;

/** Returns the settings that are on, which is the default. A later text overrides an earlier one. */
export function foreignSettingsOn(texts: readonly string[]): NetworkdSetting[] {
  const isOn = new Map<string, boolean>();
  for (const text of texts) {
    let section = "";
    for (const line of text.split("\n")) {
      const [, name] = /^\s*\[(.*)\]\s*$/.exec(line) ?? [];
      if (name !== undefined) section = name;
      const [, key = "", value = ""] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      // An empty value is the default.
      if (section === "Network" && key !== "") isOn.set(key, !NO.test(value));
    }
  }
  return SETTINGS.filter((setting) => isOn.get(setting) ?? true);
}
