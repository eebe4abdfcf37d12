/** Join what the queue says in pieces, such as an error and what can be done about it. */
export function sentences(...pieces: string[]): string {
  return pieces.filter(Boolean).map(sentence).join(" ");
}

function sentence(piece: string): string {
  // A word, and not a name such as `privacyLevel` or `video.publish`, which stays as it is.
  const begun = piece.replace(/^[a-z]+(?=[ ,])/, (word) => word.charAt(0).toUpperCase() + word.slice(1));
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
