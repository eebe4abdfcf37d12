import { connectAccount } from "@/app/actions";
import { PLATFORM_IDS, PLATFORMS, type Account } from "@/lib/types";

import styles from "./Accounts.module.css";
import card from "./card.module.css";

/** The user's accounts, with buttons that lead to the platforms' consent pages. */
export function Accounts({ accounts }: { accounts: Account[] }) {
  return (
    <section className={card.card} id="accounts">
      <h2>Accounts</h2>
      <ul>
        {PLATFORM_IDS.map((platform) => {
          const own = accounts.filter((account) => account.platform === platform);
          const isUsable = own.some((account) => account.state === "active");
          return (
            <li key={platform} className={styles.row} data-platform={platform}>
              <div className={styles.name}>
                <b>{PLATFORMS[platform]}</b>
                {own.length === 0 && <span className={card.quiet}>not connected</span>}
                {own.map((account) => (
                  <div key={account.id} className={card.quiet}>
                    {account.username || account.platformUserId}
                    {account.state === "reconnect_required" && (
                      <span className={styles.dead}> · reconnect it</span>
                    )}
                  </div>
                ))}
              </div>
              <form action={connectAccount}>
                <input type="hidden" name="platform" value={platform} />
                <button data-main={isUsable ? undefined : true}>
                  {own.length === 0 ? "Connect" : isUsable ? "Add another" : "Reconnect"}
                </button>
              </form>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
