// node.mjs KEY CERTIFICATE - node's servers, plain and with TLS; prints both ports.
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

function answer(request, response) {
  if (request.url === "/early") {
    response.writeHead(413, { Connection: "close", "Content-Length": 3 });
    response.end("big");
    return;
  }
  let size = 0;
  request.on("data", (part) => { size += part.length; });
  request.on("end", () => {
    switch (request.url) {
      case "/chunked": response.write("one,"); response.end("two"); break;
      case "/none": response.writeHead(204); response.end(); break;
      case "/error": response.writeHead(503, { "Retry-After": "7" }); response.end("later"); break;
      case "/closing": response.writeHead(200, { Connection: "close" }); response.end("bye"); break;
      default: {
        const text = `read ${size}`;
        response.writeHead(200, { "Content-Length": text.length });
        response.end(text);
      }
    }
  });
}

const [, , key, cert] = process.argv;
const plain = http.createServer(answer).listen(0, "127.0.0.1", () => {
  const secure = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, answer);
  secure.listen(0, "127.0.0.1", () => console.log(plain.address().port, secure.address().port));
});
