import { problem, publishingFor, relay } from "@/lib/publishing";
import { currentUser } from "@/lib/session";

/** Look at one video: after an upload this is what makes the queue examine the file. */
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
