import type { components } from "@/lib/publishing-api";

type Schemas = components["schemas"];
export type Accepted = Schemas["Accepted"];
export type Account = Schemas["Account"];
export type NewUpload = Schemas["NewUpload"];
export type Publish = Schemas["Publish"];
export type Status = Schemas["Status"];
export type Upload = Schemas["Upload"];
export type Video = Schemas["Video"];

/** The body of a webhook that concerns a user. */
export type PublishingEvent = Schemas["Event"];
/** What `make doctor` sends to the same URL. */
export type Ping = Schemas["PingEvent"];

/** Errors of the queue and of this application's own routes. */
export type Problem = Partial<Schemas["Problem"]> & { error: string };

export type Platform = Publish["platform"];
export type PrivacyLevel = NonNullable<Publish["privacyLevel"]>;

export const PLATFORMS: Readonly<Record<Platform, string>> = {
  TIKTOK: "TikTok",
  INSTAGRAM: "Instagram",
  YOUTUBE: "YouTube",
};
export const PLATFORM_IDS = Object.keys(PLATFORMS) as Platform[];

export function isPlatform(value: unknown): value is Platform {
  return PLATFORM_IDS.some((platform) => platform === value);
}

export function hasEnded({ state }: Pick<Status, "state">): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}
