/** What errors and warnings call the options that help, as a program or a command line sets them. */
export interface KernelOptionNames {
  readonly device: string;
  readonly protocol: string;
  readonly ecmp: string;
}

/** As KernelRoutes.open has them. */
export const OPTION_NAMES: KernelOptionNames = { device: "device", protocol: "protocol", ecmp: "ecmp" };
