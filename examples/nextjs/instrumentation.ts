/** Runs once as the server starts, before the first request. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { env } = await import("@/lib/env");
    try {
      env();
    } catch (error) {
      console.error((error as Error).message);
      process.exit(1); // Next.js would continue, and answer 500 to everything
    }
  }
}
