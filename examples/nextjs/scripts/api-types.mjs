// Writes lib/publishing-api.ts from the queue's OpenAPI description, or checks it: `npm run types`,
// `npm run types:check`. The queue must be running at PUBLISHING_URL.
import { spawnSync } from "node:child_process";

const url = process.env.PUBLISHING_URL ?? "http://127.0.0.1:8000";
// Fields of a body that have a default are optional.
const SHAPE = ["--default-non-nullable", "false"];
const { status } = spawnSync(
  "openapi-typescript",
  [`${url}/api/openapi.json`, "--output", "lib/publishing-api.ts", ...SHAPE, ...process.argv.slice(2)],
  { stdio: "inherit" },
);
process.exitCode = status ?? 1;
