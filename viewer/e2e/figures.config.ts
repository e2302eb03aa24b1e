import tests from "./vitest.config";

/** Figures rather than tests: `npm run figures`. */
const config = { test: { ...(tests as { test: Record<string, unknown> }).test, include: ["figures.ts", "scores.shots.ts"], testTimeout: 3_600_000, hookTimeout: 3_600_000, reporters: ["default"] } };
export default config;
