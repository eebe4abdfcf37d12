"use client";

import { useActionState } from "react";

import { cancelJob, retryJob } from "@/app/actions";
import { Moment } from "@/components/Moment";
import { Words } from "@/components/Words";
import { useJobEvents } from "@/lib/live";
import { sentences } from "@/lib/sentences";
import { hasEnded, PLATFORMS, type Status } from "@/lib/types";

import card from "./card.module.css";
import styles from "./Post.module.css";

const STATES: Readonly<Record<Status["state"], string>> = {
  delayed: "Scheduled",
  waiting: "Waiting",
  active: "Publishing",
  completed: "Published",
  failed: "Failed",
  cancelled: "Cancelled",
};
const STEPS: Readonly<Record<NonNullable<Status["step"]>, string>> = {
  token: "checking access",
  video: "checking the video",
  optimize: "converting the video",
  upload: "uploading the video",
  process: "processing on the platform",
  record: "done",
};

interface Props {
  status: Status;
  apiUrl: string;
  isLive: boolean;
  isNotified: boolean;
  onStatus: (status: Status) => void;
}

/** One post: its progress, its link, or what can be done about it. */
export function Post({ status, apiUrl, isLive, isNotified, onStatus }: Props) {
  const { jobId, state, step, progress, data, result, error } = status;
  useJobEvents(apiUrl, isLive ? jobId : null, onStatus);
  const [refusal, steer, isSteering] = useActionState(
    (_: string | null, act: typeof cancelJob) => act(jobId),
    null,
  );
  const isUnderWay = state === "active" || state === "waiting";
  const waitsUntil = state === "delayed" ? status.nextAttemptAt : null;
  return (
    <li className={styles.post} data-platform={data.platform} data-state={state}>
      <div className={styles.head}>
        <b>{PLATFORMS[data.platform]}</b>
        <span className={styles.state}>{error && waitsUntil ? "Waiting" : STATES[state]}</span>
      </div>
      {data.caption && <p className={styles.caption}>{data.caption}</p>}
      {(isUnderWay || progress > 0) && !hasEnded(status) && (
        <progress className={styles.bar} value={progress} max={100} aria-label="Progress" />
      )}
      <p className={card.quiet}>
        {isUnderWay && `${progress} %${step ? ` · ${STEPS[step]}` : ""}`}
        {waitsUntil && (
          <>
            {error ? "continues " : "for "}
            <Moment at={waitsUntil} />
          </>
        )}
        {state === "completed" &&
          (result?.url ? (
            <a href={result.url} target="_blank" rel="noreferrer">
              See it on {PLATFORMS[data.platform]}
            </a>
          ) : (
            "Live; the platform provides no link"
          ))}
        {hasEnded(status) && isNotified && <span data-notified> · webhook received</span>}
      </p>
      {error && (
        <p className={state === "failed" ? card.fault : card.quiet}>
          <Words>{sentences(error.message, error.hint)}</Words>
        </p>
      )}
      {state === "failed" && error?.retryable && (
        <form action={() => steer(retryJob)}>
          <button disabled={isSteering}>Try again</button>
        </form>
      )}
      {(state === "delayed" || state === "waiting") && (
        <form action={() => steer(cancelJob)}>
          <button disabled={isSteering}>Cancel</button>
        </form>
      )}
      {refusal && (
        <p className={card.fault} role="alert">
          {refusal}
        </p>
      )}
    </li>
  );
}
