"use client";

import { useRouter } from "next/navigation";
import { useCallback, useEffect, useState } from "react";

import { Post } from "@/components/Post";
import { hasEnded, type Status } from "@/lib/types";

import card from "./card.module.css";

/** Browsers allow six connections to a server without HTTP/2, and the page needs some itself. */
const STREAMS_MAX = 4;
const AWAITING_WEBHOOK_MS = 1_500;
const OTHERWISE_MS = 20_000;

interface Props {
  jobs: Status[];
  apiUrl: string;
  /** Ids of the jobs whose outcome has arrived by webhook. */
  notified: string[];
}

/** The user's posts; unfinished ones are updated live. */
export function Posts({ jobs, apiUrl, notified }: Props) {
  const [heard, setHeard] = useState({ jobs, news: new Map<string, Status>() });
  // What the server has just read is newer than all earlier events.
  if (heard.jobs !== jobs) setHeard({ jobs, news: new Map() });
  const onStatus = useCallback((status: Status) => {
    setHeard(({ jobs, news }) => ({ jobs, news: new Map(news).set(status.jobId, status) }));
  }, []);

  const statuses = jobs.map((job) => heard.news.get(job.jobId) ?? job);
  const streamed = statuses
    .filter((status) => !hasEnded(status))
    .sort((one, other) => dueAt(one).localeCompare(dueAt(other)))
    .slice(0, STREAMS_MAX);
  const isAwaiting = statuses.some(
    (status) => hasEnded(status) && !notified.includes(status.jobId),
  );
  useRefresh(isAwaiting ? AWAITING_WEBHOOK_MS : OTHERWISE_MS);

  return (
    <section className={card.card}>
      <h2>Posts</h2>
      {statuses.length === 0 && <p className={card.quiet}>None yet.</p>}
      <ul>
        {statuses.map((status) => (
          <Post
            key={status.jobId}
            status={status}
            apiUrl={apiUrl}
            isLive={streamed.includes(status)}
            isNotified={notified.includes(status.jobId)}
            onStatus={onStatus}
          />
        ))}
      </ul>
    </section>
  );
}

function dueAt(status: Status): string {
  return status.nextAttemptAt ?? status.scheduledTime ?? status.createdAt;
}

/** Refresh the server's data periodically while the page is visible. */
function useRefresh(pauseMs: number): void {
  const router = useRouter();
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") router.refresh();
    }, pauseMs);
    return () => clearInterval(timer);
  }, [router, pauseMs]);
}
