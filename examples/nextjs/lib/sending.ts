import { ask } from "@/lib/asking";
import type { NewUpload, Upload } from "@/lib/types";

/**
 * Upload a file from the browser straight to the store by a signed link; returns the video's id.
 *
 * By XMLHttpRequest, since `fetch` does not report upload progress.
 */
export async function sendVideo(
  file: File,
  onProgress: (percent: number) => void,
): Promise<string> {
  const upload: NewUpload = {
    filename: file.name,
    // Browsers do not know every type of video; the queue looks into the file anyway.
    contentType: file.type || "application/octet-stream",
    fileSize: file.size,
  };
  const link = await ask<Upload>("/api/videos", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(upload),
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
    request.onerror = () => reject(new Error("the store could not be reached"));
    request.send(file);
  });
}
