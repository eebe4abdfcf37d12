// Adds jobs in bulk: `count` of them, or one per due time of `dues` (ms since the epoch).
import { Queue } from "bullmq";
import { QUEUE, connection, now, settings, tell } from "./connection.js";

const BATCH = 1000;
const queue = new Queue(QUEUE, { connection });
await queue.waitUntilReady();

const dues = settings.dues ?? Array(settings.count).fill(settings.due ?? null);
for (let first = 0; first < dues.length; first += BATCH) {
  await queue.addBulk(
    dues.slice(first, first + BATCH).map((due) => ({
      name: "publish",
      data: due === null ? settings.data : { ...settings.data, due },
      opts: {
        delay: due === null ? 0 : Math.max(due - now(), 0),
        attempts: 3,
        backoff: { type: "exponential", delay: 5000 },
        removeOnComplete: true,
        removeOnFail: true,
      },
    })),
  );
}
tell({ added: dues.length });
await queue.close();
process.exit(0);
