"use client";

import { useRouter } from "next/navigation";
import { useState, type ChangeEvent } from "react";

import { ask, Refused } from "@/lib/asking";
import { sendVideo } from "@/lib/sending";
import type { Video } from "@/lib/types";

import card from "./card.module.css";
import styles from "./VideoPicker.module.css";

interface Props {
  videos: Video[];
  chosen: string | null;
  onChoose: (videoId: string) => void;
}

/** The user's videos, and an upload straight to the store. */
export function VideoPicker({ videos, chosen, onChoose }: Props) {
  const router = useRouter();
  const [percent, setPercent] = useState<number | null>(null);
  const [fault, setFault] = useState<string | null>(null);

  async function send(event: ChangeEvent<HTMLInputElement>) {
    const input = event.currentTarget;
    const file = input.files?.[0];
    if (!file) return;
    setFault(null);
    setPercent(0);
    try {
      const videoId = await sendVideo(file, setPercent);
      const video = await ask<Video>(`/api/videos/${videoId}`);
      if (video.state === "ready") onChoose(videoId);
      else setFault(video.stateReason || "The file did not arrive. Upload it again.");
      router.refresh();
    } catch (error) {
      setFault(error instanceof Refused ? error.message : "The connection broke. Upload it again.");
    } finally {
      setPercent(null);
      input.value = "";
    }
  }

  return (
    <fieldset>
      <legend className={styles.legend}>Video</legend>
      <div className={styles.videos}>
        {videos.map((video) => (
          <label key={video.id} className={styles.video}>
            <input
              type="radio"
              name="videoId"
              value={video.id}
              checked={chosen === video.id}
              onChange={() => onChoose(video.id)}
            />
            {/* The queue makes the preview, so that there is nothing for next/image to do. */}
            {/* eslint-disable-next-line @next/next/no-img-element */}
            <img src={`/api/videos/${video.id}/preview`} alt="" loading="lazy" />
            <span className={styles.title}>{video.title}</span>
            <span className={card.quiet}>{video.duration?.toFixed(0)} s</span>
          </label>
        ))}
        <label className={styles.send} aria-busy={percent !== null}>
          <input type="file" accept="video/*" onChange={send} disabled={percent !== null} />
          <span>{percent === null ? "Upload a video" : `Uploading … ${percent} %`}</span>
        </label>
      </div>
      {fault && (
        <p className={card.fault} role="alert">
          {fault}
        </p>
      )}
    </fieldset>
  );
}
