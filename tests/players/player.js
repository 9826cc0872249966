// Plays ?url= with the player of its suffix from start to end, or from ?seek= on, and posts a report of it.
// The clock starts when all is loaded, so that a slow machine's network is no fault of the recording; with
// ?eager=1, at the first picture.
"use strict";

const SILENT_S = 15; // so long without the clock moving, the end of it is reported
const STALLS = [
    Hls.ErrorDetails.BUFFER_STALLED_ERROR,
    Hls.ErrorDetails.BUFFER_NUDGE_ON_STALL,
    Hls.ErrorDetails.BUFFER_SEEK_OVER_HOLE, // and what came of it is among the jumps
];
const LOOK_EVERY_MS = 50;
const query = new URLSearchParams(location.search);
const url = query.get("url");
const rate = Number(query.get("rate"));
const seekTo = query.has("seek") ? Number(query.get("seek")) : null;
const config = JSON.parse(query.get("config"));
const video = document.querySelector("video");

const report = {
    outcome: "", // "ended", or why it stopped before
    errors: [], // what the player complained of, in its words
    stalls: [], // the same of a clock that stood for a moment, for which a busy machine is enough
    fragments: [], // [media sequence number, discontinuities before it], as the clock entered each
    sizes: [], // [currentTime, width, height] whenever the picture's size changed
    jumps: [], // [from, to] wherever the clock did not run
    pictures: [], // [currentTime, darkest, brightest] of what was shown
};
const canvas = document.createElement("canvas");
let looked = -Infinity;
let clock = 0;
let clockMoved = performance.now();
let reported = false;

function start() {
    video.playbackRate = rate;
    video.play();
}

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
        audioBytes: video.webkitAudioDecodedByteCount,
        buffered: ranges.map((at) => [video.buffered.start(at), video.buffered.end(at)]),
    });
    fetch("/report", { method: "POST", body: JSON.stringify(report) });
}

function look(now, { mediaTime }) {
    video.requestVideoFrameCallback(look);
    if (now - looked < LOOK_EVERY_MS) return;
    looked = now;
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let [darkest, brightest] = [255, 0];
    for (let at = 1; at < data.length; at += 4 * 7) {
        darkest = Math.min(darkest, data[at]);
        brightest = Math.max(brightest, data[at]);
    }
    report.pictures.push([mediaTime, darkest, brightest]);
}

function playHls() {
    const hls = new Hls({ enableWorker: false, startPosition: 0, ...config });
    hls.on(Hls.Events.ERROR, (_, data) => {
        const why = `${data.details}: ${data.reason ?? data.error?.message ?? ""}`;
        (STALLS.includes(data.details) ? report.stalls : report.errors).push(`${why} at ${video.currentTime}`);
        if (data.fatal) finish(why);
    });
    hls.on(Hls.Events.FRAG_CHANGED, (_, { frag }) => report.fragments.push([frag.sn, frag.cc]));
    hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag }) => frag.endList && start());
    hls.loadSource(url);
    hls.attachMedia(video);
}

function playFlv() {
    const player = mpegts.createPlayer({ type: "flv", url }, config);
    player.on(mpegts.Events.ERROR, (type, details, info) => {
        report.errors.push(`${type}, ${details}: ${info?.msg}`);
        finish(details);
    });
    player.on(mpegts.Events.LOADING_COMPLETE, start);
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
video.addEventListener("ended", () => finish("ended"));
video.addEventListener(
    "loadeddata",
    () => {
        if (seekTo !== null) video.currentTime = seekTo;
        if (query.has("eager")) start();
    },
    { once: true },
);
video.requestVideoFrameCallback(look);
setInterval(() => {
    if (video.currentTime !== clock) {
        clock = video.currentTime;
        clockMoved = performance.now();
    } else if (performance.now() - clockMoved > SILENT_S * 1000) {
        finish("the clock stands");
    }
}, 100);

if (url.endsWith(".m3u8")) playHls();
else playFlv();
