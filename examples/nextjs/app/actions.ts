"use server";

import { revalidatePath } from "next/cache";
import { redirect } from "next/navigation";

import { env } from "@/lib/env";
import { publishingFor } from "@/lib/publishing";
import { beginSession, endSession, requireUser } from "@/lib/session";
import { isPlatform } from "@/lib/types";

export async function signIn(_: string | null, form: FormData): Promise<string> {
  if (!(await beginSession(String(form.get("user") ?? "").trim()))) {
    return "Up to 128 letters, digits and _ . : @ -";
  }
  redirect("/");
}

export async function signOut(): Promise<void> {
  await endSession();
  redirect("/sign-in");
}

/** Send the browser to the platform's consent page; it comes back to this application. */
export async function connectAccount(form: FormData): Promise<void> {
  const userId = await requireUser();
  const platform = form.get("platform");
  if (!isPlatform(platform)) throw new Error("no such platform");
  const { data, error } = await publishingFor(userId).GET("/api/accounts/{platform}/authorize", {
    params: { path: { platform }, query: { redirect: `${env().appUrl}/` } },
  });
  if (!data) {
    console.error(`no consent page for ${platform}: ${error.error}`);
    const query = new URLSearchParams({ status: "failed", platform, error: "not_started" });
    redirect(`/?${query}`);
  }
  redirect(data.url);
}

/** Cancel a job; returns why it was refused, if it was. */
export async function cancelJob(jobId: string): Promise<string | null> {
  const queue = publishingFor(await requireUser());
  const { error } = await queue.POST("/api/publish/{jobId}/cancel", { params: { path: { jobId } } });
  revalidatePath("/"); // cancelled or too late, the page shows the actual state
  return error?.error ?? null;
}

/** Retry a failed job; returns why it was refused, if it was. */
export async function retryJob(jobId: string): Promise<string | null> {
  const queue = publishingFor(await requireUser());
  const { error } = await queue.POST("/api/publish/{jobId}/retry", { params: { path: { jobId } } });
  revalidatePath("/");
  return error?.error ?? null;
}
