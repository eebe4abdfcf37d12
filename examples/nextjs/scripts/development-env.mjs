// Writes .env.local with the API's URL and the keys of the stack of `make run`: `npm run env`.
// Elsewhere: `npm run env -- KEYS_FILE ENV_FILE`.
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const example = path.resolve(import.meta.dirname, "..");
const [
  keysFile = path.resolve(example, "../../var/development.json"),
  envFile = path.join(example, ".env.local"),
] = process.argv.slice(2);

let keys;
try {
  keys = JSON.parse(readFileSync(keysFile, "utf8"));
} catch {
  console.error(`${keysFile} does not exist: start the stack with \`make run\` first.`);
  process.exit(1);
}
if (!keys.api_url) {
  console.error(`${keysFile} does not say where the API is: start the stack with \`make run\` first.`);
  process.exit(1);
}
const values = {
  PUBLISHING_URL: keys.api_url,
  PUBLISHING_KEY: keys.api_key,
  PUBLISHING_JWT_SECRET: keys.jwt_secret,
  PUBLISHING_WEBHOOK_SECRET: keys.webhook_secret,
  SESSION_SECRET: randomBytes(32).toString("hex"),
};
const lines = readFileSync(path.join(example, ".env.example"), "utf8")
  .split("\n")
  .map((line) => {
    const [name] = line.split("=");
    return name in values ? `${name}=${values[name]}` : line;
  });
writeFileSync(envFile, lines.join("\n"), { mode: 0o600 });
console.log(`Wrote ${envFile}.`);
