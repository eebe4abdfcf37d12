// The bare route that POST /api/publish is compared with: parse the body, `queue.add`, answer 202.
import http from "node:http";
import { Queue } from "bullmq";
import { QUEUE, connection, tell, untilTold } from "./connection.js";

const queue = new Queue(QUEUE, { connection });
await queue.waitUntilReady();

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", async () => {
    const job = await queue.add("publish", JSON.parse(Buffer.concat(pieces)), { attempts: 3 });
    response.writeHead(202, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ jobId: job.id, state: "waiting" }));
  });
});
server.keepAliveTimeout = 75_000;
server.listen(0, "127.0.0.1", () => tell({ ready: true, port: server.address().port }));
await untilTold();
process.exit(0);
