/* The least that recording can cost: N HTTP-FLV streams, read on a 200 ms timer, their bytes written to N files.
 *
 *     bare_loop URLS FOLDER     URLS holds one http://HOST:PORT/PATH a line
 *
 * Nothing is parsed but the end of the response's head. HTTP/1.0, so that the body is the stream itself.
 * Ends at SIGINT or SIGTERM with 0, and with 1 when a connection or a file fails.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { MAX_STREAMS = 4096, BUFFER_BYTES = 1 << 20, TICK_NS = 200 * 1000 * 1000 };

struct stream {
    int socket, file;
    int body; /* the head of the response is behind us */
};

static struct stream streams[MAX_STREAMS];
static char buffer[BUFFER_BYTES];
static volatile sig_atomic_t stopped;

static void stop(int signal_number) { (void)signal_number; stopped = 1; }

static void die(const char *what, const char *which) {
    fprintf(stderr, "bare_loop: %s %s: %s\n", what, which, strerror(errno));
    exit(1);
}

static int connect_to(const char *url) {
    char host[64], path[512], request[1024];
    unsigned port;
    if (sscanf(url, "http://%63[^:/]:%u%511s", host, &port, path) != 3) die("not a URL:", url);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1) die("no address:", url);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect", url);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s:%u\r\n\r\n", path, host, port);
    if (write(fd, request, (size_t)length) != length) die("request", url);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void save(struct stream *stream, const char *data, ssize_t size) {
    if (!stream->body) { /* the origin sends its head in one piece */
        const char *end = memmem(data, (size_t)size, "\r\n\r\n", 4);
        if (!end || memcmp(data, "HTTP/1.", 7) || memcmp(data + 8, " 200", 4)) {
            fprintf(stderr, "bare_loop: not a stream: %.40s\n", data);
            exit(1);
        }
        size -= end + 4 - data;
        data = end + 4;
        stream->body = 1;
    }
    while (size > 0) {
        ssize_t written = write(stream->file, data, (size_t)size);
        if (written < 0) die("write", "file");
        data += written;
        size -= written;
    }
}

int main(int count, char **arguments) {
    if (count != 3) { fprintf(stderr, "usage: bare_loop URLS FOLDER\n"); return 2; }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    FILE *list = fopen(arguments[1], "r");
    if (!list) die("open", arguments[1]);
    char url[1024], name[1024];
    int n = 0;
    while (n < MAX_STREAMS && fscanf(list, "%1023s", url) == 1) {
        snprintf(name, sizeof name, "%s/%d.flv", arguments[2], n);
        streams[n].socket = connect_to(url);
        streams[n].file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (streams[n].file < 0) die("open", name);
        n++;
    }
    fclose(list);
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec every = {.it_interval = {0, TICK_NS}, .it_value = {0, TICK_NS}};
    timerfd_settime(timer, 0, &every, NULL);
    while (!stopped) {
        unsigned long long ticks;
        if (read(timer, &ticks, sizeof ticks) < 0) continue; /* a signal */
        for (int i = 0; i < n; i++) {
            ssize_t size;
            while ((size = recv(streams[i].socket, buffer, sizeof buffer, 0)) > 0) {
                save(&streams[i], buffer, size);
                if (size < (ssize_t)sizeof buffer) break; /* the rest, if any, is read at the next tick */
            }
            if (size == 0 || (size < 0 && errno != EAGAIN)) die("stream", size ? "failed" : "ended");
        }
    }
    return 0;
}
