import { expect, test } from "bun:test";
import { SliceSize } from "../../../src/kernel/reconcile/slice-size.ts";

test("a slice shrinks to what the kernel does in time, and grows while there is time left", () => {
  const slices = new SliceSize();
  const first = slices.size;
  slices.took(20, first);
  expect(slices.size).toBe(Math.floor(first / 10));
  slices.took(400, slices.size);
  slices.took(400, slices.size);
  expect(slices.size).toBe(8);
  for (let i = 0; i < 20; i++) slices.took(1, slices.size);
  expect(slices.size).toBe(512);
  // A small one that was quick says nothing of larger ones.
  slices.took(20, 512);
  const { size } = slices;
  slices.took(1, 1);
  expect(slices.size).toBe(size);
});
