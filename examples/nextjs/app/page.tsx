import { signOut } from "@/app/actions";
import { Accounts } from "@/components/Accounts";
import { Flash } from "@/components/Flash";
import { NewPost } from "@/components/NewPost";
import { Notices } from "@/components/Notices";
import { Posts } from "@/components/Posts";
import { Unavailable } from "@/components/Unavailable";
import { env } from "@/lib/env";
import { listNotices } from "@/lib/notices";
import { KEY_REFUSED, publishingFor } from "@/lib/publishing";
import { requireUser, type UserId } from "@/lib/session";
import { isPlatform, PLATFORM_IDS, PLATFORMS, type Account } from "@/lib/types";

import styles from "./page.module.css";

const POSTS_SHOWN = 20;
const NOTICES_SHOWN = 8;

export default async function Page({ searchParams }: PageProps<"/">) {
  const userId = await requireUser();
  const [found, notices, query] = await Promise.all([
    read(userId),
    listNotices(userId),
    searchParams,
  ]);
  if (!found) return <Unavailable why={KEY_REFUSED} />;
  const { accounts, videos, jobs } = found;
  return (
    <>
      <header className={styles.bar}>
        <h1>Publish</h1>
        <span className={styles.user}>{userId}</span>
        <form action={signOut}>
          <button>Sign out</button>
        </form>
      </header>
      <main className={styles.page}>
        <Flash message={messageOf(query)} />
        <div className={styles.column}>
          <NewPost
            accounts={accounts.filter(({ state }) => state === "active")}
            videos={videos.filter(({ state }) => state === "ready")}
          />
          <div className={styles.last}>
            <Accounts accounts={accounts} />
          </div>
        </div>
        <div className={styles.column}>
          <Posts
            jobs={jobs}
            apiUrl={env().publishingUrl}
            notified={notices.flatMap(({ data }) => ("jobId" in data ? data.jobId : []))}
          />
          <Notices notices={notices.slice(0, NOTICES_SHOWN)} />
        </div>
      </main>
    </>
  );
}

/** Read what the page shows; null where the queue refuses this application's key. */
async function read(userId: UserId) {
  const queue = publishingFor(userId);
  const limit = POSTS_SHOWN;
  const [accounts, videos, jobs] = await Promise.all([
    queue.GET("/api/accounts"),
    queue.GET("/api/videos"),
    queue.GET("/api/publish", { params: { query: { limit } } }),
  ]);
  const problem = accounts.error ?? videos.error ?? jobs.error;
  if (problem?.error === KEY_REFUSED) return null;
  if (!accounts.data || !videos.data || !jobs.data) {
    throw new Error(`the publishing queue: ${problem?.error ?? "no answer"}`);
  }
  return {
    accounts: accounts.data.accounts.sort((one, other) => place(one) - place(other)),
    videos: videos.data.videos,
    jobs: jobs.data.jobs,
  };
}

function place({ platform }: Account): number {
  return PLATFORM_IDS.indexOf(platform);
}

type Query = Awaited<PageProps<"/">["searchParams"]>;

const UNKNOWN_REASON = "Try again in a few minutes.";
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ["access_denied", "You did not allow it."],
  ["scopes_missing", "Connect again, and allow everything that is asked for."],
  ["read_scope_missing", "Connect again, and allow everything that is asked for."],
  ["no_account", "Link a professional Instagram account to a Page of yours, and connect again."],
  ["no_channel", "This Google account has no YouTube channel."],
  ["not_started", "It cannot be connected at the moment."],
]);

/**
 * The outcome of connecting an account, which the queue adds to the URL it redirects to.
 *
 * The query's own `message` is not shown: anybody can make a link to this page with any sentence.
 */
function messageOf({ status, platform, error }: Query) {
  if (!isPlatform(platform)) return null;
  const name = PLATFORMS[platform];
  if (status === "connected") return { isGood: true, text: `Your ${name} account is connected.` };
  if (status !== "failed") return null;
  const why = REASONS.get(error) ?? UNKNOWN_REASON;
  return { isGood: false, text: `Your ${name} account is not connected. ${why}` };
}
