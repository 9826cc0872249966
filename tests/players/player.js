// Plays ?url= with the player of its suffix from start to end, or from ?seek= on, and posts a report of it.
"use strict";

const SILENT_S = 15; // so long without the clock moving, the end of it is reported
const query = new URLSearchParams(location.search);
const url = query.get("url");
const rate = Number(query.get("rate"));
const seekTo = query.has("seek") ? Number(query.get("seek")) : null;
const video = document.querySelector("video");

const report = {
    outcome: "", // "ended", or why it stopped before
    errors: [], // what the player complained of, in its words; hls.js tells of the gaps that it jumps, too
    fragments: [], // [media sequence number, discontinuities before it], as the clock entered each
    sizes: [], // [currentTime, width, height] whenever the picture's size changed
    jumps: [], // [from, to] wherever the clock did not run
    waits: [], // currentTime when the player had nothing to show
    pictures: [], // [currentTime, darkest, brightest] of what was shown
};
let clock = 0;
let clockMoved = performance.now();
let reported = false;

function finish(outcome) {
    if (reported) return;
    reported = true;
    const quality = video.getVideoPlaybackQuality();
    const ranges = [...Array(video.buffered.length).keys()];
    Object.assign(report, {
        outcome,
        currentTime: video.currentTime,
        duration: video.duration,
        frames: quality.totalVideoFrames,
        dropped: quality.droppedVideoFrames,
        audioBytes: video.webkitAudioDecodedByteCount,
        buffered: ranges.map((at) => [video.buffered.start(at), video.buffered.end(at)]),
    });
    fetch("/report", { method: "POST", body: JSON.stringify(report) });
}

function look() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let [darkest, brightest] = [255, 0];
    for (let at = 1; at < data.length; at += 4 * 7) {
        darkest = Math.min(darkest, data[at]);
        brightest = Math.max(brightest, data[at]);
    }
    report.pictures.push([video.currentTime, darkest, brightest]);
}

function playHls() {
    const hls = new Hls({ enableWorker: false, startPosition: 0, ...JSON.parse(query.get("config")) });
    hls.on(Hls.Events.ERROR, (_, data) => {
        const why = `${data.details}: ${data.reason ?? data.error?.message ?? ""}`;
        report.errors.push(`${why} at ${video.currentTime}`);
        if (data.fatal) finish(why);
    });
    hls.on(Hls.Events.FRAG_CHANGED, (_, { frag }) => report.fragments.push([frag.sn, frag.cc]));
    hls.loadSource(url);
    hls.attachMedia(video);
}

function playFlv() {
    const player = mpegts.createPlayer({ type: "flv", url });
    player.on(mpegts.Events.ERROR, (type, details, info) => {
        report.errors.push(`${type}, ${details}: ${info?.msg}`);
        finish(details);
    });
    player.attachMediaElement(video);
    player.load();
}

addEventListener("error", (event) => finish(`${event.message} (${event.filename}:${event.lineno})`));
addEventListener("unhandledrejection", (event) => finish(String(event.reason)));
video.addEventListener("error", () => finish(`media error ${video.error.code}: ${video.error.message}`));
video.addEventListener("resize", () =>
    report.sizes.push([video.currentTime, video.videoWidth, video.videoHeight]),
);
video.addEventListener("seeking", () => report.jumps.push([clock, video.currentTime]));
video.addEventListener("waiting", () => report.waits.push(video.currentTime));
video.addEventListener("ended", () => finish("ended"));
video.addEventListener(
    "loadeddata",
    () => {
        video.playbackRate = rate;
        if (seekTo !== null) video.currentTime = seekTo;
        video.play();
    },
    { once: true },
);
setInterval(() => {
    if (video.currentTime !== clock) {
        clock = video.currentTime;
        clockMoved = performance.now();
        if (video.videoWidth) look();
    } else if (performance.now() - clockMoved > SILENT_S * 1000) {
        finish("the clock stands");
    }
}, 100);

if (url.endsWith(".m3u8")) playHls();
else playFlv();
