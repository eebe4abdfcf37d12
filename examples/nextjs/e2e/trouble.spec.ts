import { expect, test, type Page } from "@playwright/test";

import { answer, post, problem, Queue } from "./queue";
import { setting } from "./setting";

test.use({ baseURL: setting("TROUBLED_APP_URL") });

let queue: Queue;

test.beforeEach(async ({ page }) => {
  queue = new Queue();
  await queue.open(setting("TROUBLED_QUEUE_URL"));
  await signIn(page);
});

test.afterEach(() => queue.close());

for (const [button, shown] of [
  ["Cancel", post({ state: "waiting" })],
  ["Try again", post({ state: "failed", error: failure("It failed", "") })],
] as const) {
  test(`the reason why "${button}" is refused is shown`, async ({ page }) => {
    queue.jobs = [shown];
    queue.respond = (_, response) => answer(response, 409, problem("Connect the account again"));
    await page.goto("/");
    await page.getByRole("button", { name: button }).click();
    await expect(page.getByRole("main").getByRole("alert")).toHaveText("Connect the account again");
    // It is gone once the same is accepted.
    queue.respond = (_, response) => answer(response, 200, shown);
    await page.getByRole("button", { name: button }).click();
    await expect(page.getByRole("main").getByRole("alert")).toHaveCount(0);
  });
}

test("the page awaits the webhook of a post that has just ended, and of no other", async ({
  page,
}) => {
  queue.jobs = [ended(60)];
  await page.goto("/");
  await expect(page.locator("li[data-state]")).toHaveCount(1);
  const first = queue.reads;
  await page.waitForTimeout(4_000);
  expect(queue.reads - first).toBe(0);
  queue.jobs = [ended(0)];
  await page.goto("/");
  const second = queue.reads;
  await expect.poll(() => queue.reads - second, { timeout: 10_000 }).toBeGreaterThan(1);
});

test("a link puts no words of its own on the page", async ({ page }) => {
  const alert = page.getByRole("main").getByRole("alert");
  const query = new URLSearchParams({ status: "failed", platform: "TIKTOK" });
  for (const [error, words] of [
    ["access_denied", "You did not allow it."],
    ["constructor", "Try again"],
    ["", "Try again"],
  ] as const) {
    await page.goto(`/?${query}&error=${error}&message=Call+555`);
    await expect(alert).toContainText(`Your TikTok account is not connected. ${words}`);
    await expect(alert).not.toContainText("555");
  }
  await page.goto("/?status=connected&platform=constructor");
  await expect(page.getByRole("heading", { name: "New post" })).toBeVisible();
  await expect(page.getByText("account is connected")).toHaveCount(0);
});

for (const status of [401, 403]) {
  test(`a key that the queue refuses with ${status} ends no session`, async ({ page }) => {
    queue.isWhole = true;
    queue.respond = (_, response) => answer(response, status, problem("The key is not valid"));
    const shown = await page.goto("/");
    expect(shown?.status()).toBe(200);
    await expect(page.getByRole("main")).toContainText("refuses this application's key");
    const relayed = await page.request.post("/api/publish", { data: {} });
    expect(relayed.status()).toBe(502);
    expect(relayed.headers()["content-type"]).toBe("application/problem+json");
    const { error } = (await relayed.json()) as { error: string };
    expect(error).toContain("refuses this application's key");
    expect((await page.request.get("/api/videos/one/preview")).status()).toBe(502);
  });
}

test("a queue that falls silent is not waited for", async ({ page }) => {
  queue.jobs = [post({})];
  queue.respond = () => {}; // no response at all
  await page.goto("/");
  await page.getByRole("button", { name: "Cancel" }).click();
  const words = "The publishing queue does not answer. Try again in a moment.";
  await expect(page.getByRole("main").getByRole("alert")).toHaveText(words, { timeout: 15_000 });
  const relayed = await page.request.post("/api/publish", { data: {}, timeout: 15_000 });
  expect(relayed.status()).toBe(503);
  expect(await relayed.json()).toMatchObject({ error: words });
});

test("an error and what can be done about it are two sentences", async ({ page }) => {
  queue.jobs = [
    post({ state: "failed", error: failure("the video was deleted", "Publish another one") }),
    post({
      id: "job-2",
      jobId: "job-2",
      state: "delayed",
      nextAttemptAt: "2030-01-31T09:00:00.000Z",
      error: failure("There is room again at 2030-01-31 09:00 UTC.", ""),
    }),
  ];
  await page.goto("/");
  const [failed, held] = [page.locator("li[data-state=failed]"), page.locator("li[data-state=delayed]")];
  await expect(failed).toContainText("The video was deleted. Publish another one.");
  await expect(held).toContainText("continues ");
  await expect(held).not.toContainText("UTC");
  await expect(held.locator("time")).toHaveCount(2);
});

async function signIn(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByLabel("User").fill("carol");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "New post" })).toBeVisible();
}

function ended(secondsAgo: number) {
  const finishedAt = new Date(Date.now() - secondsAgo * 1000).toISOString();
  return post({ state: "completed", progress: 100, finishedAt });
}

function failure(message: string, hint: string) {
  return { code: "fault", category: "platform", message, hint, retryable: true } as const;
}
