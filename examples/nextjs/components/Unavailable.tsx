import type { ReactNode } from "react";

import card from "./card.module.css";
import styles from "./Unavailable.module.css";

/** The whole page, where it cannot be shown: the reason, and what to do. */
export function Unavailable({ why, children }: { why: string; children?: ReactNode }) {
  return (
    <main className={styles.page}>
      <section className={card.card}>
        <h2>This page cannot be shown</h2>
        <p className={card.quiet}>{why}</p>
        {children && <p className={styles.way}>{children}</p>}
      </section>
    </main>
  );
}
