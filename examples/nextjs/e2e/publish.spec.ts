import { expect, test, type Locator, type Page } from "@playwright/test";

import { setting } from "./setting";

const PLATFORMS = ["TIKTOK", "INSTAGRAM", "YOUTUBE"] as const;
const NAMES = { TIKTOK: "TikTok", INSTAGRAM: "Instagram", YOUTUBE: "YouTube" };
const USER = `alice-${Date.now()}`;

const API = setting("PUBLISHING_URL");
const VIDEO = setting("VIDEO");
const SCREENSHOTS = setting("SCREENSHOTS");

test("a video goes live on three platforms, from sign-in to webhook", async ({ page, browser }) => {
  const streams: string[] = [];
  page.on("response", (response) => {
    if (response.request().resourceType() !== "eventsource") return;
    streams.push(`${response.status()} ${new URL(response.url()).pathname}`);
  });
  const heard = () => new Set(streams.filter((stream) => stream.startsWith("200 "))).size;
  const wasRefused = () => streams.some((stream) => stream.startsWith("401 "));

  await test.step("sign in", async () => {
    await page.goto("/");
    await expect(page).toHaveURL(/\/sign-in$/);
    await shoot(page, "sign-in");
    await page.getByLabel("User").fill("not a user id");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("main").getByRole("alert")).toContainText("Up to 128");
    await signIn(page, USER);
  });

  await test.step("refuse once, then connect an account on each platform", async () => {
    await connect(page, "TIKTOK", "Cancel");
    for (const platform of PLATFORMS) await connect(page, platform, "Allow");
    await shoot(page, "connected");
  });

  await test.step("upload a video and publish it everywhere", async () => {
    await page.locator("input[type=file]").setInputFiles(VIDEO);
    await expect(page.locator("input[name=videoId]")).toBeChecked();
    await seePreview(page);
    await page.getByLabel("Caption").fill("From the example, live on three platforms");
    await page.getByLabel("Hashtags").fill("cats #dogs");
    for (const platform of PLATFORMS) await account(page, platform).check();
    await remember(page);
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await expect(posts(page)).toHaveCount(3);
    await expect(page.getByRole("progressbar").first()).toBeVisible();
    await shoot(page, "publishing");
  });

  await test.step("watch it go live, and receive the webhook", async () => {
    for (const platform of PLATFORMS) {
      const one = posts(page, platform);
      await expect(one).toHaveAttribute("data-state", "completed");
      await expect(one.getByRole("link")).toHaveAttribute("href", /^https:\/\//);
      await expect(one).toContainText("webhook received");
      await expect(notices(page, "publish.completed", NAMES[platform])).toHaveCount(1);
    }
    expect(heard(), "a stream for each post").toBe(3);
    const steps = await remembered(page);
    expect(steps.some(([state, progress]) => state === "active" && progress < 95)).toBe(true);
    await shoot(page, "published");
  });

  await test.step("a duplicate or forged webhook changes nothing", async () => {
    await redeliverAll(page);
    const forged = await page.request.post("/api/webhooks", {
      headers: { "webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,x" },
      data: { type: "publish.failed", timestamp: "", data: { userId: USER } },
    });
    expect(forged.status()).toBe(401);
    await page.reload();
    await expect(notices(page)).toHaveCount(3);
  });

  await test.step("a platform's refusal is shown beside its account", async () => {
    await page.getByLabel("Who may see it").selectOption("unlisted");
    await page.locator("input[name=videoId]").check({ force: true });
    await account(page, "TIKTOK").check();
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await expect(page.getByRole("main").getByRole("alert")).toContainText("privacyLevel");
    await expect(posts(page)).toHaveCount(3);
  });

  await test.step("schedule a post and cancel it", async () => {
    await page.getByLabel("Who may see it").selectOption("public");
    const tomorrow = new Date(Date.now() + 24 * 3600_000).toISOString().slice(0, 16);
    await page.getByLabel("When").fill(tomorrow);
    // The queue refuses a first token, as if it had expired; the page asks for another.
    await page.route("**/api/token", (route) =>
      wasRefused() ? route.continue() : route.fulfill({ json: { token: "over" } }),
    );
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await expect(posts(page)).toHaveCount(4);
    const scheduled = posts(page).first();
    await expect(scheduled).toHaveAttribute("data-state", "delayed");
    await expect.poll(wasRefused, "a stream with a token that is over").toBe(true);
    await expect.poll(heard, "its stream with another token").toBe(4);
    await shoot(page, "scheduled");
    await scheduled.getByRole("button", { name: "Cancel" }).click();
    await expect(scheduled).toHaveAttribute("data-state", "cancelled");
    await expect(notices(page, "publish.cancelled")).toHaveCount(1);
  });

  await test.step("nobody else sees any of it", async () => {
    const elsewhere = await browser.newPage();
    const refused = await elsewhere.request.post("/api/publish", { data: {} });
    expect(refused.status()).toBe(401);
    await elsewhere.goto("/");
    await signIn(elsewhere, `bob-${Date.now()}`);
    await expect(posts(elsewhere)).toHaveCount(0);
    await expect(notices(elsewhere)).toHaveCount(0);
    await elsewhere.close();
    await page.getByRole("button", { name: "Sign out" }).click();
    await expect(page).toHaveURL(/\/sign-in$/);
  });
});

async function signIn(page: Page, user: string): Promise<void> {
  await page.getByLabel("User").fill(user);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "New post" })).toBeVisible();
}

/** Go to the platform's consent page, decide there, and return. */
async function connect(
  page: Page,
  platform: (typeof PLATFORMS)[number],
  decision: "Allow" | "Cancel",
): Promise<void> {
  await page.locator(`li[data-platform=${platform}] form button`).click();
  await expect(page.getByRole("heading", { name: /^Allow access to/ })).toBeVisible();
  await page.getByRole("button", { name: decision }).click();
  const outcome = decision === "Allow" ? "is connected" : "is not connected";
  await expect(page.getByText(`Your ${NAMES[platform]} account ${outcome}`)).toBeVisible();
  await expect(page).toHaveURL(/\/$/); // and a reload does not show it again
}

/** The chosen video has a preview, which the browser need not load twice. */
async function seePreview(page: Page): Promise<void> {
  const picture = page.locator("label:has(input[name=videoId]:checked) img");
  await expect
    .poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth))
    .toBeGreaterThan(0);
  const url = (await picture.getAttribute("src")) ?? "";
  const first = await page.request.get(url);
  expect(first.headers()["content-type"]).toBe("image/jpeg");
  const again = await page.request.get(url, {
    headers: { "If-None-Match": first.headers().etag ?? "" },
  });
  expect(again.status()).toBe(304);
  const missing = await page.request.get("/api/videos/none/preview");
  expect(missing.status()).toBe(404);
  expect(missing.headers()["content-type"]).toBe("application/problem+json");
}

function account(page: Page, platform: (typeof PLATFORMS)[number]): Locator {
  return page.getByRole("checkbox", { name: NAMES[platform] });
}

function posts(page: Page, platform?: string): Locator {
  const which = platform ? `[data-platform=${platform}]` : "";
  return page.locator(`li[data-state]${which}`);
}

function notices(page: Page, type?: string, words?: string): Locator {
  const found = page.locator(type ? `li[data-type="${type}"]` : "li[data-type]");
  return words ? found.filter({ hasText: words }) : found;
}

/** Record what the page's posts show from now on: [state, progress]. */
async function remember(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: [string, number][] = [];
    Object.assign(window, { seen });
    const look = () => {
      for (const post of document.querySelectorAll<HTMLElement>("li[data-state]")) {
        const progress = post.querySelector("progress")?.value ?? 100;
        seen.push([post.dataset.state ?? "", progress]);
      }
    };
    new MutationObserver(look).observe(document.body, {
      attributes: true,
      childList: true,
      subtree: true,
    });
  });
}

async function remembered(page: Page): Promise<[string, number][]> {
  return page.evaluate(() => (window as unknown as { seen: [string, number][] }).seen);
}

/** Have the queue redeliver this user's webhooks, and wait until it has. */
async function redeliverAll(page: Page): Promise<void> {
  const headers = { Authorization: `Bearer ${setting("PUBLISHING_KEY")}` };
  const own = async () => {
    const answer = await page.request.get(`${API}/api/notifications?limit=100`, { headers });
    const { notifications } = (await answer.json()) as {
      notifications: { id: string; userId: string; state: string }[];
    };
    return notifications.filter(({ userId }) => userId === USER);
  };
  const before = await own();
  expect(before).toHaveLength(3);
  for (const { id } of before) {
    const again = await page.request.post(`${API}/api/notifications/${id}/redeliver`, { headers });
    expect(again.status()).toBe(202);
  }
  await expect
    .poll(async () => (await own()).map(({ state }) => state), { timeout: 60_000 })
    .toEqual(["delivered", "delivered", "delivered"]);
}

/** Take screenshots: on a desktop and a phone, in light and dark. */
async function shoot(page: Page, name: string): Promise<void> {
  const wide = page.viewportSize();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${SCREENSHOTS}/${name}-${colorScheme}.png`, fullPage: true });
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 390, height: 844 });
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, `${name} is not wider than a phone`).toBe(0);
  await page.screenshot({ path: `${SCREENSHOTS}/${name}-phone.png`, fullPage: true });
  if (wide) await page.setViewportSize(wide);
}
