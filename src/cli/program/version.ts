import { version } from "../../../package.json" with { type: "json" };

/** Set by the build (`define`). It does not exist when the sources run without a build. */
declare const BUNBOND_COMMIT: string | undefined;

export interface VersionInfo {
  readonly version: string;
  /** The abbreviated commit of the build, or "dev". */
  readonly commit: string;
  /** The version of the Bun inside. */
  readonly bun: string;
}

export const versionInfo: VersionInfo = {
  version,
  commit: typeof BUNBOND_COMMIT === "string" ? BUNBOND_COMMIT : "dev",
  bun: Bun.version,
};

/** Returns "bunbond 0.1.0 (commit abc1234, bun 1.4.4)". */
export function formatVersion({ version, commit, bun }: VersionInfo): string {
  return `bunbond ${version} (commit ${commit}, bun ${bun})`;
}
