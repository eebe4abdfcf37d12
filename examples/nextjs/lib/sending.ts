import { ask } from "@/lib/asking";
import type { NewUpload, Upload } from "@/lib/types";

/**
 * Send a file from the browser straight to the store by a signed link; returns the video's id.
 *
 * By XMLHttpRequest, since `fetch` does not tell how far it is.
 */
export async function sendVideo(
  file: File,
  onProgress: (percent: number) => void,
): Promise<string> {
  const wish: NewUpload = {
    filename: file.name,
    // What cannot be sent is refused by the queue, which says what can.
    contentType: file.type as NewUpload["contentType"],
    fileSize: file.size,
  };
  const link = await ask<Upload>("/api/videos", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wish),
  });
  await put(link, file, onProgress);
  return link.videoId;
}

function put(link: Upload, file: File, onProgress: (percent: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(link.method, link.uploadUrl);
    for (const [name, value] of Object.entries(link.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => {
      onProgress(Math.floor((100 * loaded) / total));
    };
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(new Error(`the store answered ${request.status}`));
    };
    request.onerror = () => reject(new Error("the store was not reached"));
    request.send(file);
  });
}
