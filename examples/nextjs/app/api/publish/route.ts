import { problem, publishingFor, relay } from "@/lib/publishing";
import { currentUser } from "@/lib/session";
import type { Publish } from "@/lib/types";

/** Publish a video: the session's user becomes `X-User-Id`; the queue validates the rest. */
export async function POST(request: Request): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return problem(401, "Sign in first");
  let body: Publish;
  try {
    body = (await request.json()) as Publish;
  } catch {
    return problem(400, "The body is not JSON");
  }
  const key = request.headers.get("Idempotency-Key") ?? crypto.randomUUID();
  return relay(
    publishingFor(userId).POST("/api/publish", {
      params: { header: { "Idempotency-Key": key } },
      body,
    }),
  );
}
