import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

import type { Account, Problem, Status, Video } from "@/lib/types";

type Respond = (request: IncomingMessage, response: ServerResponse) => void;

/** A queue that does what the real one seldom does; the second application calls it. */
export class Queue {
  accounts: Account[] = [];
  videos: Video[] = [];
  jobs: Status[] = [];
  /** How often the page has read the posts. */
  reads = 0;
  /** Responds to everything but those three lists, and to them too with `isWhole`. */
  respond: Respond = (_, response) => answer(response, 404, problem("Not found"));
  isWhole = false;

  private readonly server = createServer((request, response) => this.route(request, response));

  async open(url: string): Promise<void> {
    const { hostname, port } = new URL(url);
    await new Promise<void>((resolve) => this.server.listen(Number(port), hostname, resolve));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private route(request: IncomingMessage, response: ServerResponse): void {
    const list = request.method === "GET" && !this.isWhole ? this.list(request.url ?? "") : null;
    if (list) answer(response, 200, { nextCursor: null, ...list });
    else this.respond(request, response);
  }

  private list(url: string): object | null {
    const { pathname } = new URL(url, "http://queue");
    if (pathname === "/api/accounts") return { accounts: this.accounts };
    if (pathname === "/api/videos") return { videos: this.videos };
    if (pathname !== "/api/publish") return null;
    this.reads += 1;
    return { jobs: this.jobs };
  }
}

export function answer(response: ServerResponse, status: number, body: object): void {
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "Content-Type": type }).end(JSON.stringify(body));
}

export function problem(error: string): Problem {
  return { error, detail: error };
}

/** A post as the queue describes it, with what a test needs it to be. */
export function post(values: Partial<Status>): Status {
  return {
    id: "job-1",
    jobId: "job-1",
    batchId: null,
    state: "waiting",
    progress: 0,
    step: null,
    data: {
      videoId: "video-1",
      platform: "TIKTOK",
      accountId: "account-1",
      caption: "A post",
      hashtags: [],
      privacyLevel: "public",
      platformOptions: {},
      scheduledTime: null,
      options: {
        priority: 0,
        attempts: 3,
        backoff: { type: "exponential", delay: 5000 },
        removeOnComplete: false,
        removeOnFail: false,
      },
    },
    result: null,
    failedReason: null,
    error: null,
    attemptsMade: 0,
    attempts: 3,
    nextAttemptAt: null,
    scheduledTime: null,
    cancelRequested: false,
    createdAt: new Date().toISOString(),
    startedAt: null,
    finishedAt: null,
    ...values,
  };
}
