import { problem, publishingFor, relay } from "@/lib/publishing";
import { currentUser } from "@/lib/session";

/** Proxy a video's preview: an `<img>` cannot send the service key, and must not have it. */
export async function GET(
  request: Request,
  { params }: RouteContext<"/api/videos/[id]/preview">,
): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return problem(401, "Sign in first");
  const { id } = await params;
  const known = request.headers.get("If-None-Match");
  return relay(
    publishingFor(userId).GET("/api/videos/{videoId}/preview", {
      params: { path: { videoId: id } },
      parseAs: "stream",
      headers: known ? { "If-None-Match": known } : {},
    }),
  );
}
