"use client";

import { Unavailable } from "@/components/Unavailable";

/** Shown when the publishing queue cannot be reached; the server's log has the error. */
export default function ErrorPage({ reset }: { error: Error; reset: () => void }) {
  return (
    <Unavailable why="The publishing queue does not answer, or answers with an error.">
      <button data-main onClick={reset}>
        Try again
      </button>
    </Unavailable>
  );
}
