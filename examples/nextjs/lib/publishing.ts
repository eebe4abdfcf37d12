import "server-only";

import createClient, { type Middleware } from "openapi-fetch";

import { env } from "@/lib/env";
import type { paths } from "@/lib/publishing-api";
import type { UserId } from "@/lib/session";
import type { Problem } from "@/lib/types";

/** The publishing queue, on behalf of a user. The service key never leaves this server. */
export function publishingFor(userId: UserId) {
  const client = createClient<paths>({
    baseUrl: env().publishingUrl,
    cache: "no-store",
    headers: { Authorization: `Bearer ${env().publishingKey}`, "X-User-Id": userId },
  });
  client.use(care);
  return client;
}

export const KEY_REFUSED =
  "The publishing queue refuses this application's key, or the user's id. The server's log says which.";

/** A call that takes longer is given up. Its Idempotency-Key makes it safe to publish again. */
const CALL_MS = 10_000;

/** Bound each call, and tell what concerns this server and the queue from what concerns the user. */
const care: Middleware = {
  onRequest({ request, options }) {
    if (options.parseAs === "stream") return undefined; // as long as the browser reads it
    return new Request(request, { signal: AbortSignal.timeout(CALL_MS) });
  },
  onError({ error }) {
    return noAnswer(error);
  },
  async onResponse({ request, response }) {
    // Passed on, it would tell the browser that its own session is over.
    if (response.status !== 401 && response.status !== 403) return undefined;
    const call = `${request.method} ${new URL(request.url).pathname}`;
    console.error(`the publishing queue answers ${response.status} to ${call}:`, await response.text());
    return problem(502, KEY_REFUSED);
  },
};

interface Answer {
  data?: unknown;
  error?: unknown;
  response: Response;
}

const PASSED_ON = ["Cache-Control", "Content-Type", "ETag", "Retry-After"];

/** Relay the queue's response to the browser: its body, its status, or its problem document. */
export async function relay(call: Promise<Answer>): Promise<Response> {
  try {
    const { data, error, response } = await call;
    const { status } = response;
    const headers = new Headers({ "Cache-Control": "no-store" });
    for (const name of PASSED_ON) {
      const value = response.headers.get(name);
      if (value) headers.set(name, value);
    }
    if (status === 204 || status === 304) return new Response(null, { status, headers });
    if (data instanceof ReadableStream) return new Response(data, { status, headers });
    return Response.json(data ?? error, { status, headers });
  } catch (error) {
    return noAnswer(error); // it broke off in the middle
  }
}

function noAnswer(error: unknown): Response {
  const reason = error instanceof DOMException ? error.message : error; // a time limit
  console.error("the publishing queue does not answer:", reason);
  return problem(503, "The publishing queue does not answer. Try again in a moment.");
}

/** An error in the queue's own format (RFC 9457). */
export function problem(status: number, sentence: string): Response {
  const body: Problem = { status, error: sentence, detail: sentence };
  return Response.json(body, {
    status,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store" },
  });
}
