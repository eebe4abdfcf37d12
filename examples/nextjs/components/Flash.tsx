"use client";

import { useEffect, useState } from "react";

import styles from "./Flash.module.css";

/** A message from the URL's query, which is then removed from the URL, so that it is shown once. */
export function Flash({ message }: { message: { isGood: boolean; text: string } | null }) {
  const [shown, setShown] = useState(message);
  useEffect(() => {
    if (window.location.search) window.history.replaceState(null, "", "/");
  }, []);
  if (!shown) return null;
  return (
    <div className={styles.flash} data-good={shown.isGood}>
      <p role={shown.isGood ? "status" : "alert"}>{shown.text}</p>
      <button type="button" aria-label="Close" onClick={() => setShown(null)}>
        ×
      </button>
    </div>
  );
}
