import { defineConfig } from "vitest/config";

/** Where `zf` listens while the viewer is developed with `npm run dev`. */
const service = process.env.ZF_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 2048,
    // MapLibre is loaded with the map alone.
    chunkSizeWarningLimit: 1200,
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/zarr", "/health", "/docs", "/openapi.json"].map((path) => [path, { target: service }]),
    ),
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.ts"] },
});
