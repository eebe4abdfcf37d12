import "server-only";

/** A setting that is missing or wrong stops the server at its start; see instrumentation.ts. */
export interface Env {
  publishingUrl: string;
  publishingKey: string;
  jwtSecret: Uint8Array;
  webhookSecret: string;
  appUrl: string;
  sessionSecret: Uint8Array;
  dataDir: string;
}

const SECRET_MIN_BYTES = 32; // RFC 7518 §3.2, of HS256

let read: Env | undefined;

export function env(): Env {
  return (read ??= readEnv());
}

function readEnv(): Env {
  const faults: string[] = [];
  const text = (name: string): string => {
    const value = process.env[name]?.trim() ?? "";
    if (!value) faults.push(`${name} is not set`);
    return value;
  };
  const url = (name: string): string => {
    const value = text(name);
    if (value && !URL.canParse(value)) faults.push(`${name} is not a URL`);
    return value.replace(/\/+$/, "");
  };
  const secret = (name: string): Uint8Array => {
    const value = new TextEncoder().encode(text(name));
    if (value.length > 0 && value.length < SECRET_MIN_BYTES) {
      faults.push(`${name} has at least ${SECRET_MIN_BYTES} characters`);
    }
    return value;
  };
  const found: Env = {
    publishingUrl: url("PUBLISHING_URL"),
    publishingKey: text("PUBLISHING_KEY"),
    jwtSecret: secret("PUBLISHING_JWT_SECRET"),
    webhookSecret: text("PUBLISHING_WEBHOOK_SECRET"),
    appUrl: url("APP_URL"),
    sessionSecret: secret("SESSION_SECRET"),
    dataDir: process.env.DATA_DIR?.trim() || ".data",
  };
  if (faults.length > 0) {
    throw new Error(`The environment is not complete: ${faults.join("; ")}. See .env.example.`);
  }
  return found;
}
