"use client";

import { useEffect, useState } from "react";

import styles from "./Told.module.css";

/** What the address told when the page came up. It is taken out of the address and shown once. */
export function Told({ told }: { told: { isGood: boolean; words: string } | null }) {
  const [shown, setShown] = useState(told);
  useEffect(() => {
    if (window.location.search) window.history.replaceState(null, "", "/");
  }, []);
  if (!shown) return null;
  return (
    <div className={styles.told} data-good={shown.isGood}>
      <p role={shown.isGood ? "status" : "alert"}>{shown.words}</p>
      <button type="button" aria-label="Close" onClick={() => setShown(null)}>
        ×
      </button>
    </div>
  );
}
