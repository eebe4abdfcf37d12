"use client";

import { useRouter } from "next/navigation";
import { useCallback, useEffect, useState } from "react";

import { Post } from "@/components/Post";
import { hasEnded, type Status } from "@/lib/types";

import card from "./card.module.css";

/** Browsers allow six connections to a server without HTTP/2, and the page needs some itself. */
const STREAMS_MAX = 4;
/** How often the page is refreshed while a webhook is due, and otherwise. */
const AWAITING_WEBHOOK_MS = 1_500;
const OTHERWISE_MS = 20_000;
/** A webhook that is later than this is not awaited: perhaps it never comes. */
const WEBHOOK_DUE_MS = 30_000;

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
  const lastEnd = statuses
    .filter((status) => hasEnded(status) && !notified.includes(status.jobId))
    .reduce((last, { finishedAt }) => Math.max(last, Date.parse(finishedAt ?? "") || 0), 0);
  useRefresh(lastEnd + WEBHOOK_DUE_MS);

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

/** Refresh the server's data periodically while the page is visible: often until `dueBy`. */
function useRefresh(dueBy: number): void {
  const router = useRouter();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    // Bounded even where this clock is behind the queue's.
    const until = Math.min(dueBy, Date.now() + WEBHOOK_DUE_MS);
    const wait = () => {
      timer = setTimeout(refresh, Date.now() < until ? AWAITING_WEBHOOK_MS : OTHERWISE_MS);
    };
    const refresh = () => {
      if (document.visibilityState === "visible") router.refresh();
      wait();
    };
    wait();
    return () => clearTimeout(timer);
  }, [router, dueBy]);
}
