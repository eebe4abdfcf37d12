import { defineConfig } from "@playwright/test";

/** `make example` starts everything that this needs, and passes the URLs. */
export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  timeout: 240_000,
  expect: { timeout: 60_000 },
  reporter: "list",
  workers: 1,
  use: {
    baseURL: process.env.APP_URL ?? "http://localhost:3000",
    viewport: { width: 1280, height: 900 },
    actionTimeout: 30_000,
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" },
    trace: "retain-on-failure",
  },
});
