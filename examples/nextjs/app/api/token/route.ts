import { SignJWT } from "jose";

import { env } from "@/lib/env";
import { problem } from "@/lib/publishing";
import { currentUser } from "@/lib/session";

/** Short, because the token goes into a URL, and is needed only when a stream starts. */
const SECONDS = 120;

/** Issue a JWT for the session's user, with which the browser listens to events. */
export async function GET(): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return problem(401, "Sign in first");
  const token = await new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(userId)
    .setExpirationTime(`${SECONDS} seconds`)
    .sign(env().jwtSecret);
  return Response.json({ token }, { headers: { "Cache-Control": "no-store" } });
}
