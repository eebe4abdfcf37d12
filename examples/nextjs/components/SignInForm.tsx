"use client";

import { useActionState } from "react";

import { signIn } from "@/app/actions";

import card from "./card.module.css";
import styles from "./SignInForm.module.css";

/** A placeholder for your own sign-in; see lib/session.ts. */
export function SignInForm() {
  const [fault, act, isPending] = useActionState(signIn, null);
  return (
    <form action={act} className={`${card.card} ${styles.form}`}>
      <label>
        User
        <input name="user" required maxLength={128} autoComplete="username" autoFocus />
      </label>
      {fault && (
        <p className={card.fault} role="alert">
          {fault}
        </p>
      )}
      <button data-main disabled={isPending}>
        Sign in
      </button>
      <p className={card.quiet}>Any name will do: this is where your own sign-in goes.</p>
    </form>
  );
}
