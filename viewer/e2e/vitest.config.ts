import { defineConfig } from "vitest/config";

/** End-to-end tests: one service and one browser at a time, since both are heavy. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.e2e.ts"],
    globalSetup: ["./build.ts"],
    environment: "node",
    pool: "forks",
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // Software WebGL beside other work draws late at times; what is broken fails three times.
    retry: 2,
    expect: { poll: { timeout: 20_000, interval: 100 } },
  },
});
