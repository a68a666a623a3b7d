/** Names options in errors and warnings, which a program and a command line know by different names. */
export interface KernelOptionNames {
  readonly device: string;
  readonly protocol: string;
  readonly ecmp: string;
}

/** The names in KernelRoutes.open. */
export const OPTION_NAMES: KernelOptionNames = { device: "device", protocol: "protocol", ecmp: "ecmp" };
