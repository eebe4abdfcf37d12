import { problem, publishingFor, relay } from "@/lib/publishing";
import { currentUser } from "@/lib/session";

/** Read one video. After an upload, this makes the queue examine the file. */
export async function GET(
  _: Request,
  { params }: RouteContext<"/api/videos/[id]">,
): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return problem(401, "Sign in first");
  const { id } = await params;
  return relay(
    publishingFor(userId).GET("/api/videos/{videoId}", { params: { path: { videoId: id } } }),
  );
}
