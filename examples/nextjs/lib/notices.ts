import "server-only";

import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, readdir, unlink, writeFile } from "node:fs/promises";
import path from "node:path";

import { env } from "@/lib/env";
import type { UserId } from "@/lib/session";
import type { PublishingEvent } from "@/lib/types";

/** An event that was received, by the `webhook-id` that is its own for ever. */
export type Notice = PublishingEvent & { id: string };

/*
 * Received events are files, one each, named by their `webhook-id`. In your application this is a
 * table with the `webhook-id` as its primary key.
 */

/** Keep an event; false when it is known already. Two deliveries at once keep one. */
export async function keepNotice(id: string, event: PublishingEvent): Promise<boolean> {
  const folder = folderOf(event.data.userId);
  await mkdir(folder, { recursive: true });
  const unfinished = path.join(folder, `${randomUUID()}.part`);
  await writeFile(unfinished, JSON.stringify({ ...event, id } satisfies Notice));
  try {
    await link(unfinished, path.join(folder, `${encodeURIComponent(id)}.json`));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(unfinished);
  }
}

/** A user's events, newest first. */
export async function listNotices(userId: UserId): Promise<Notice[]> {
  const folder = folderOf(userId);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const notices = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      .map(async (name) => JSON.parse(await readFile(path.join(folder, name), "utf8")) as Notice),
  );
  return notices.sort((one, other) => other.timestamp.localeCompare(one.timestamp));
}

function folderOf(userId: UserId): string {
  return path.join(env().dataDir, "notices", `user-${encodeURIComponent(userId)}`);
}
