import { Webhook, WebhookVerificationError } from "standardwebhooks";

import { env } from "@/lib/env";
import { keepNotice } from "@/lib/notices";
import { problem } from "@/lib/publishing";
import type { PublishingEvent } from "@/lib/types";

/**
 * Take a notification of the publishing queue: its `WEBHOOK_URL` is this route.
 *
 * It comes at least once, with the same `webhook-id` each time. Any answer but a 2xx brings it again.
 */
export async function POST(request: Request): Promise<Response> {
  const body = await request.text(); // the very bytes that were signed
  let event: PublishingEvent;
  try {
    event = new Webhook(env().webhookSecret).verify(
      body,
      Object.fromEntries(request.headers),
    ) as PublishingEvent;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return problem(401, "Not signed as it must be");
    throw error;
  }
  // The queue's operator asks whether it arrives: `make doctor` sends an event about nobody.
  if (!("userId" in event.data)) return new Response(null, { status: 204 });
  const id = request.headers.get("webhook-id") ?? ""; // signed as well
  const isNew = await keepNotice(id, event);
  console.info(`webhook ${id}: ${event.type}${isNew ? "" : ", known already"}`);
  return new Response(null, { status: 204 });
}
