import "server-only";

import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, readdir, unlink, writeFile } from "node:fs/promises";
import path from "node:path";

import { env } from "@/lib/env";
import type { UserId } from "@/lib/session";
import type { PublishingEvent } from "@/lib/types";

/** A received event, identified by its `webhook-id`. */
export type Notice = PublishingEvent & { id: string };

/*
 * Each received event is a file named by its `webhook-id`. In your application, use a table with the
 * `webhook-id` as its primary key.
 */

/** Store an event; false for a duplicate. Of concurrent deliveries, one is stored. */
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
