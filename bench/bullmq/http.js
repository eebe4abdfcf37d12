// HTTP with keep-alive connections and buffered bodies.
import http from "node:http";

const agent = new http.Agent({ keepAlive: true });

export function send(method, url, { headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const length = body ? { "Content-Length": body.length } : {};
    const request = http.request(url, { method, agent, headers: { ...headers, ...length } });
    request.on("error", reject);
    request.on("response", (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        const answer = {
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(pieces),
        };
        if (response.statusCode < 300) resolve(answer);
        else reject(new Error(`${method} answered ${response.statusCode}: ${answer.body}`));
      });
    });
    request.end(body);
  });
}
