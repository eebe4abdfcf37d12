import "server-only";

import { SignJWT, jwtVerify } from "jose";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";

import { env } from "@/lib/env";

/*
 * ─── YOUR OWN AUTHENTICATION GOES HERE ─────────────────────────────────────────────────────────
 * The rest of this application only calls `currentUser()`: who is signed in. Have it ask your own
 * (Auth.js, Better Auth, Clerk, …) and delete the rest of this file, with app/sign-in.
 * This one accepts any name without proof, and keeps it in a signed cookie.
 * ───────────────────────────────────────────────────────────────────────────────────────────────
 */

/** The user's id in the publishing queue, sent as `X-User-Id`: it accepts what matches `USER_ID`. */
export type UserId = string;

const COOKIE = "session";
const DAYS = 7;
const USER_ID = /^[A-Za-z0-9_.:@-]{1,128}$/;

export async function currentUser(): Promise<UserId | null> {
  const cookie = (await cookies()).get(COOKIE);
  if (!cookie) return null;
  try {
    const { payload } = await jwtVerify(cookie.value, env().sessionSecret, {
      algorithms: ["HS256"],
      requiredClaims: ["sub", "exp"],
    });
    return payload.sub ?? null;
  } catch {
    return null; // forged, or expired
  }
}

/** The user, or a redirect to the sign-in page: for pages and actions. */
export async function requireUser(): Promise<UserId> {
  return (await currentUser()) ?? redirect("/sign-in");
}

/** Start a session; false for an invalid user id. */
export async function beginSession(userId: UserId): Promise<boolean> {
  if (!USER_ID.test(userId)) return false;
  const session = await new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(userId)
    .setExpirationTime(`${DAYS} days`)
    .sign(env().sessionSecret);
  (await cookies()).set(COOKIE, session, {
    httpOnly: true,
    sameSite: "lax",
    secure: env().appUrl.startsWith("https:"),
    maxAge: DAYS * 24 * 3600,
    path: "/",
  });
  return true;
}

export async function endSession(): Promise<void> {
  (await cookies()).delete(COOKIE);
}
