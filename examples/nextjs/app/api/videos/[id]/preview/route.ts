import { problem, publishingFor } from "@/lib/publishing";
import { currentUser } from "@/lib/session";

/** Pass on a picture of a video: an `<img>` cannot send the service key, and must not have it. */
export async function GET(
  request: Request,
  { params }: RouteContext<"/api/videos/[id]/preview">,
): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return problem(401, "Sign in first");
  const { id } = await params;
  const known = request.headers.get("If-None-Match");
  const { response } = await publishingFor(userId).GET("/api/videos/{videoId}/preview", {
    params: { path: { videoId: id } },
    parseAs: "stream",
    headers: known ? { "If-None-Match": known } : {},
  });
  const headers = new Headers({ "Cache-Control": "private, max-age=3600" });
  for (const name of ["Content-Type", "ETag"]) {
    const value = response.headers.get(name);
    if (value) headers.set(name, value);
  }
  return new Response(response.body, { status: response.status, headers });
}
