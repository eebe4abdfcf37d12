import { redirect } from "next/navigation";

import { SignInForm } from "@/components/SignInForm";
import { currentUser } from "@/lib/session";

import styles from "./page.module.css";

export default async function SignIn() {
  if (await currentUser()) redirect("/");
  return (
    <main className={styles.page}>
      <h1>Publish</h1>
      <SignInForm />
    </main>
  );
}
