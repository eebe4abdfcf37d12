import { SignJWT } from "jose";

import { env } from "@/lib/env";
import { problem } from "@/lib/publishing";
import { currentUser } from "@/lib/session";

/** It goes into an address, so it soon ends; it is asked for only when a stream begins. */
const SECONDS = 120;

/** Give the browser what it listens with: a JWT that names the session's user. */
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
