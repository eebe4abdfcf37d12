// Publishes one video to YouTube's API: buffered whole, status in SQLite, six progress updates.
// The response to the upload counts as success; nothing resumes.
import Database from "better-sqlite3";
import { send } from "./http.js";

export function openPublisher({ database, store, platform, token }) {
  const rows = openRows(database);
  return async (job) => {
    rows.begin(job);
    await job.updateProgress(10);
    const video = await send("GET", `${store}/${job.data.key}`);
    await job.updateProgress(30);
    const session = await send("POST", `${platform}/upload/youtube/v3/videos?${QUERY}`, {
      headers: {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json; charset=UTF-8",
        "X-Upload-Content-Length": String(video.body.length),
        "X-Upload-Content-Type": "video/mp4",
      },
      body: Buffer.from(JSON.stringify(resource(job.data))),
    });
    await job.updateProgress(40);
    const answer = await send("PUT", session.headers.location, {
      headers: { "Content-Type": "video/mp4" },
      body: video.body,
    });
    await job.updateProgress(80);
    const { id } = JSON.parse(answer.body);
    await job.updateProgress(95);
    rows.complete(job, id);
    await job.updateProgress(100);
  };
}

const QUERY = new URLSearchParams({ uploadType: "resumable", part: "snippet,status" });

function resource(data) {
  return {
    snippet: { title: data.caption, categoryId: "22" },
    status: { privacyStatus: data.privacyLevel, selfDeclaredMadeForKids: false },
  };
}

function openRows(path) {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.exec(
    `CREATE TABLE IF NOT EXISTS posts (
       job_id TEXT PRIMARY KEY, state TEXT, platform_post_id TEXT, started_at TEXT, finished_at TEXT
     )`,
  );
  const begin = database.prepare(
    `INSERT OR REPLACE INTO posts (job_id, state, started_at)
     VALUES (?, 'active', datetime('now'))`,
  );
  const complete = database.prepare(
    `UPDATE posts SET state = 'completed', platform_post_id = ?, finished_at = datetime('now')
     WHERE job_id = ?`,
  );
  return {
    begin: (job) => begin.run(job.id),
    complete: (job, id) => complete.run(id, job.id),
  };
}
