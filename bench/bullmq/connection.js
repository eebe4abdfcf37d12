// The context of every script: one JSON argument, and the Redis that both sides share.
export const settings = JSON.parse(process.argv[2]);

export const QUEUE = "publish";
export const connection = { path: settings.redis, maxRetriesPerRequest: null };

// One line of JSON per event; the Python side reads them.
export function tell(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

export function untilTold() {
  return new Promise((resolve) => process.once("SIGTERM", resolve));
}

// Milliseconds since the epoch, with fractions.
export function now() {
  return performance.timeOrigin + performance.now();
}
