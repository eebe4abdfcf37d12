import { Moment } from "@/components/Moment";
import type { Notice } from "@/lib/notices";

import card from "./card.module.css";
import styles from "./Notices.module.css";

/** The notifications received by webhook. */
export function Notices({ notices }: { notices: Notice[] }) {
  return (
    <section className={card.card}>
      <h2>Notifications</h2>
      {notices.length === 0 && <p className={card.quiet}>None yet.</p>}
      <ul>
        {notices.map(({ id, type, timestamp, data }) => (
          <li key={id} className={styles.notice} data-type={type}>
            <p>{data.message}</p>
            <p className={card.quiet}>
              <Moment at={timestamp} />
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
