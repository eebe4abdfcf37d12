import { Webhook, WebhookVerificationError } from "standardwebhooks";

import { env } from "@/lib/env";
import { keepNotice } from "@/lib/notices";
import { problem } from "@/lib/publishing";
import type { Ping, PublishingEvent } from "@/lib/types";

/**
 * Receive a notification of the publishing queue, whose `WEBHOOK_URL` is this route.
 *
 * Each comes at least once, always with the same `webhook-id`, and again after any response but a 2xx.
 */
export async function POST(request: Request): Promise<Response> {
  const body = await request.text(); // the exact bytes that were signed
  let event: PublishingEvent | Ping;
  try {
    event = new Webhook(env().webhookSecret).verify(
      body,
      Object.fromEntries(request.headers),
    ) as PublishingEvent | Ping;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return problem(401, "The signature is missing or wrong");
    throw error;
  }
  // `make doctor` checks this route with an event that belongs to no user.
  if (event.type === "doctor.ping") return new Response(null, { status: 204 });
  const id = request.headers.get("webhook-id") ?? ""; // signed as well
  const isNew = await keepNotice(id, event);
  console.info(`webhook ${id}: ${event.type}${isNew ? "" : ", a duplicate"}`);
  return new Response(null, { status: 204 });
}
