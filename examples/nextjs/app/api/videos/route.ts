import { problem, publishingFor, relay } from "@/lib/publishing";
import { currentUser } from "@/lib/session";
import type { NewUpload } from "@/lib/types";

/** Get a signed link: the browser uploads the file straight to the store, not through here. */
export async function POST(request: Request): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return problem(401, "Sign in first");
  let body: NewUpload;
  try {
    body = (await request.json()) as NewUpload;
  } catch {
    return problem(400, "The body is not JSON");
  }
  return relay(publishingFor(userId).POST("/api/videos/uploads", { body }));
}
