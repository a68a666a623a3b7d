/** The names by which errors and warnings refer to options: those of a program or of a command line. */
export interface KernelOptionNames {
  readonly device: string;
  readonly protocol: string;
  readonly ecmp: string;
}

/** The names in KernelRoutes.open. */
export const OPTION_NAMES: KernelOptionNames = { device: "device", protocol: "protocol", ecmp: "ecmp" };
