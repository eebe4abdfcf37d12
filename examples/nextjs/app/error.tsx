"use client";

import card from "@/components/card.module.css";

/** Shown when the publishing queue cannot be reached; the server's log has the error. */
export default function ErrorPage({ reset }: { error: Error; reset: () => void }) {
  return (
    <main style={{ maxWidth: "30rem", margin: "15vh auto", padding: "0 1rem" }}>
      <section className={card.card}>
        <h2>This page cannot be shown</h2>
        <p className={card.quiet}>The publishing queue does not answer, or answers with an error.</p>
        <p style={{ marginTop: "1rem" }}>
          <button data-main onClick={reset}>
            Try again
          </button>
        </p>
      </section>
    </main>
  );
}
