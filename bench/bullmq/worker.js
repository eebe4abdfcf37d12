// A worker until SIGTERM. `mode`: "empty" does nothing, "record" records each job's lateness,
// "publish" publishes. Reports how many jobs it has done when it exits.
import { Worker } from "bullmq";
import { QUEUE, connection, now, settings, tell, untilTold } from "./connection.js";
import { openPublisher } from "./publish.js";

let done = 0;
const lateMs = [];
const work = {
  empty: () => async () => {},
  record: () => async (job) => {
    lateMs.push(now() - job.data.due);
  },
  publish: () => openPublisher(settings),
}[settings.mode]();

const worker = new Worker(
  QUEUE,
  async (job) => {
    await work(job);
    done += 1;
  },
  { connection, concurrency: settings.concurrency },
);
worker.on("failed", (job, error) => tell({ failed: String(error) }));
await worker.waitUntilReady();
tell({ ready: true });
await untilTold();
await worker.close();
tell({ done, lateMs });
process.exit(0);
