import { expect, test } from "bun:test";
import { KERNEL_STEP_MS } from "../../../src/base/turn-budget.ts";
import { StepSize } from "../../../src/kernel/reconcile/step-size.ts";

test("a step shrinks to what the kernel does in time, and grows while there is time left", () => {
  const steps = new StepSize();
  const first = steps.size;
  steps.took(10 * KERNEL_STEP_MS, first);
  expect(steps.size).toBe(Math.floor(first / 10));
  steps.took(400, steps.size);
  steps.took(400, steps.size);
  expect(steps.size).toBe(1);
  for (let i = 0; i < 20; i++) steps.took(KERNEL_STEP_MS / 2, steps.size);
  expect(steps.size).toBe(512);
  // A small one that was quick says nothing about larger ones.
  steps.took(10 * KERNEL_STEP_MS, 512);
  const { size } = steps;
  steps.took(KERNEL_STEP_MS / 2, 1);
  expect(steps.size).toBe(size);
});
