"use client";

import { useRouter } from "next/navigation";
import { useRef, useState, type FormEvent } from "react";

import { VideoPicker } from "@/components/VideoPicker";
import { ask, Refused } from "@/lib/asking";
import {
  PLATFORMS,
  type Accepted,
  type Account,
  type PrivacyLevel,
  type Publish,
  type Video,
} from "@/lib/types";

import card from "./card.module.css";
import styles from "./NewPost.module.css";

const CAPTION_MAX = 2200;
const PRIVACY_LEVELS: Readonly<Record<PrivacyLevel, string>> = {
  public: "Everyone",
  unlisted: "Anyone with the link (YouTube)",
  private: "Only me (TikTok, YouTube)",
};

/** The form for a post: one video to any of the user's accounts, now or on schedule. */
export function NewPost({ accounts, videos }: { accounts: Account[]; videos: Video[] }) {
  const router = useRouter();
  const [videoId, setVideoId] = useState<string | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [faults, setFaults] = useState<ReadonlyMap<string, string[]>>(new Map());
  const [isSending, setSending] = useState(false);
  const keys = useRef(new Map<string, string>());

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    if (!videoId) return;
    const content = contentOf(new FormData(form));
    setSending(true);
    const found = new Map<string, string[]>();
    await Promise.all(
      accounts
        .filter(({ id }) => chosen.has(id))
        .map(async ({ id, platform }) => {
          const post: Publish = { ...content, videoId, platform, accountId: id };
          const errors = await publish(post, keys.current);
          if (errors.length > 0) found.set(id, errors);
        }),
    );
    // Accepted posts leave the form; refused ones stay, with the reasons.
    setFaults(found);
    setChosen(new Set(found.keys()));
    if (found.size === 0) form.reset();
    setSending(false);
    router.refresh();
  }

  function toggle(accountId: string) {
    const next = new Set(chosen);
    if (!next.delete(accountId)) next.add(accountId);
    setChosen(next);
  }

  return (
    <form className={card.card} onSubmit={submit}>
      <h2>New post</h2>
      <div className={styles.fields}>
        <VideoPicker videos={videos} chosen={videoId} onChoose={setVideoId} />
        <fieldset className={styles.accounts}>
          <legend>Post to</legend>
          {accounts.length === 0 && (
            <p className={card.quiet}>
              <a href="#accounts">Connect an account</a> first.
            </p>
          )}
          {accounts.map(({ id, platform, username }) => (
            <div key={id}>
              <label className={styles.account}>
                <input type="checkbox" checked={chosen.has(id)} onChange={() => toggle(id)} />
                <span>
                  {PLATFORMS[platform]} <span className={card.quiet}>{username}</span>
                </span>
              </label>
              {faults.get(id)?.map((fault) => (
                <p key={fault} className={card.fault} role="alert">
                  {fault}
                </p>
              ))}
            </div>
          ))}
        </fieldset>
        <label className={styles.field}>
          Caption
          <textarea name="caption" rows={3} maxLength={CAPTION_MAX} />
        </label>
        <label className={styles.field}>
          Hashtags
          <input name="hashtags" placeholder="cats dogs" />
        </label>
        <div className={styles.pair}>
          <label className={styles.field}>
            When
            <input name="scheduledTime" type="datetime-local" aria-describedby="when" />
            <span id="when" className={card.quiet}>
              Empty: now
            </span>
          </label>
          <label className={styles.field}>
            Who may see it
            <select name="privacyLevel">
              {Object.entries(PRIVACY_LEVELS).map(([level, words]) => (
                <option key={level} value={level}>
                  {words}
                </option>
              ))}
            </select>
          </label>
        </div>
        <button data-main disabled={isSending || !videoId || chosen.size === 0}>
          {isSending ? "Publishing …" : "Publish"}
        </button>
      </div>
    </form>
  );
}

function contentOf(form: FormData): Pick<Publish, "caption" | "hashtags"> & Partial<Publish> {
  const time = String(form.get("scheduledTime") ?? "");
  return {
    caption: String(form.get("caption") ?? ""),
    hashtags: String(form.get("hashtags") ?? "").split(/[\s,]+/).filter(Boolean),
    privacyLevel: form.get("privacyLevel") as PrivacyLevel,
    // The browser's local time becomes an absolute one.
    ...(time ? { scheduledTime: new Date(time).toISOString() } : {}),
  };
}

/** Publish one post and return its errors. `keys`: post → its Idempotency-Key. */
async function publish(post: Publish, keys: Map<string, string>): Promise<string[]> {
  const body = JSON.stringify(post);
  // After a lost response it is sent again with the same key, and stays one post.
  const key = keys.get(body) ?? crypto.randomUUID();
  keys.set(body, key);
  try {
    await ask<Accepted>("/api/publish", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body,
    });
    keys.delete(body);
    return [];
  } catch (error) {
    if (!(error instanceof Refused)) return ["No response. Publish again: it goes out only once."];
    const { errors } = error.problem;
    if (!errors) return [error.message];
    return Object.entries(errors).map(([field, messages]) => `${field}: ${messages.join(" ")}`);
  }
}
