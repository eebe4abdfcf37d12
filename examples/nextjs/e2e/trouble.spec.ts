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

async function signIn(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByLabel("User").fill("carol");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "New post" })).toBeVisible();
}

function failure(message: string, hint: string) {
  return { code: "fault", category: "platform", message, hint, retryable: true } as const;
}
