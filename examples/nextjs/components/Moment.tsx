"use client";

import { useSyncExternalStore } from "react";

const never = () => () => {};

/** A time in the reader's time zone, which only the browser knows; UTC until it is rendered there. */
export function Moment({ at }: { at: string }) {
  const words = useSyncExternalStore(
    never,
    () => new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }),
    () => `${at.slice(0, 16).replace("T", " ")} UTC`,
  );
  return <time dateTime={at}>{words}</time>;
}
