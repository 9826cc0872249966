// node-media-server with an end of publish that can be real.
// Arguments: RTMP port, HTTP port, store folder, "kept" or "real", and perhaps a URL to notify.

const NodeMediaServer = require("node-media-server");

const [rtmpPort, httpPort, store, end, notifyUrl] = process.argv.slice(2);
const server = new NodeMediaServer({
  bind: "127.0.0.1",
  rtmp: { port: Number(rtmpPort) },
  http: { port: Number(httpPort) },
  store: { path: store },
  notify: notifyUrl ? { url: notifyUrl } : {},
  auth: {},
  webadmin: { enable: false },
});

if (end === "real") {
  // Its own way is to keep a publish for 30 s and its players for ever.
  server.on("postPublish", (session) => {
    session.broadcast.publishGraceMs = 0;
  });
  server.on("donePublish", (session) => {
    for (const player of session.broadcast.subscribers.values()) {
      if (player.protocol === "flv") {
        player.res.end();
      } else {
        player.close();
      }
    }
  });
}

server.run();
