import type { Problem } from "@/lib/types";

/** Raised in the browser with the problem document that a route answered. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.error);
  }
}

/** Call one of this application's own routes from the browser. */
export async function ask<Answer>(path: string, options?: RequestInit): Promise<Answer> {
  const response = await fetch(path, { cache: "no-store", ...options });
  if (response.status === 401) window.location.reload(); // the session is over: on to sign in
  const body: unknown = await response.json();
  if (!response.ok) throw new Refused(body as Problem);
  return body as Answer;
}
