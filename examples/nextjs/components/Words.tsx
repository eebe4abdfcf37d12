import { Fragment } from "react";

import { Moment } from "@/components/Moment";

const TIME = /(\d{4}-\d\d-\d\d \d\d:\d\d UTC)/;

/** What the queue says, with the times in it as the reader writes them. */
export function Words({ children }: { children: string }) {
  // Split at a group, every second piece is a time.
  return children
    .split(TIME)
    .map((piece, place) =>
      place % 2 ? (
        <Moment key={place} at={piece.replace(" UTC", "Z").replace(" ", "T")} />
      ) : (
        <Fragment key={place}>{piece}</Fragment>
      ),
    );
}
