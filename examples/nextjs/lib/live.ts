import { useEffect } from "react";

import { ask } from "@/lib/asking";
import type { Status } from "@/lib/types";

const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 30_000;

/**
 * Receive a job's status as it changes, directly from the queue, bypassing this server.
 *
 * An EventSource reconnects by itself when its connection breaks. If the queue refuses it because
 * its token has expired by then, it gives up: then another one is opened with a new token.
 * `jobId` null: nothing to listen to.
 */
export function useJobEvents(
  apiUrl: string,
  jobId: string | null,
  onStatus: (status: Status) => void,
): void {
  useEffect(() => {
    if (!jobId) return;
    let isOver = false;
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pause = PAUSE_MIN_MS;

    const again = () => {
      if (isOver) return;
      timer = setTimeout(() => void listen(), pause);
      pause = Math.min(2 * pause, PAUSE_MAX_MS);
    };
    const listen = async () => {
      // A JWT of the session's user, for this one stream.
      const answer = await ask<{ token: string }>("/api/token").catch(() => null);
      if (isOver) return;
      if (!answer) return again();
      const query = new URLSearchParams({ access_token: answer.token });
      source = new EventSource(`${apiUrl}/api/publish/${jobId}/events?${query}`);
      source.addEventListener("status", (event: MessageEvent<string>) => {
        pause = PAUSE_MIN_MS;
        onStatus(JSON.parse(event.data) as Status);
      });
      source.addEventListener("error", () => {
        if (source?.readyState === EventSource.CLOSED) again();
      });
    };
    void listen();
    return () => {
      isOver = true;
      source?.close();
      clearTimeout(timer);
    };
  }, [apiUrl, jobId, onStatus]);
}
