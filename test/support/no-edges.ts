/** `npm run test:fast` loads this before all tests: what opens a socket or starts a process fails there. */
for (const name of ["spawn", "spawnSync", "listen", "connect", "serve"]) {
  Object.defineProperty(Bun, name, {
    value: () => {
      throw new Error(`Bun.${name} in a test that npm run test:fast runs`);
    },
  });
}
