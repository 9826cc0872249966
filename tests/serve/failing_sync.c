/* Loaded before libc: one fsync or fdatasync of an SQLite log ("...-wal") fails with EIO, when FAIL_SYNC_TRIGGER
   names a file that exists. The file is removed: only one call fails.

   With FAIL_SYNC_FORGETS set, what was written since the last call that succeeded is undone, as if the system had
   dropped the pages that it could not write and read the old ones again. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy(int from, int to) {
    static char buffer[1 << 16];
    off_t at = 0;
    ssize_t count;
    while ((count = pread(from, buffer, sizeof buffer, at)) > 0) {
        if (pwrite(to, buffer, count, at) != count) abort();
        at += count;
    }
    if (ftruncate(to, at) != 0) abort();
}

static int is_log(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 4 && memcmp(path + length - 4, "-wal", 4) == 0;
}

static int sync_with(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *trigger = getenv("FAIL_SYNC_TRIGGER");
    if (trigger == NULL || !is_log(fd)) return real(fd);
    char kept[4200];
    snprintf(kept, sizeof kept, "%s.synced", trigger);
    int copied = getenv("FAIL_SYNC_FORGETS") ? open(kept, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    int result;
    if (unlink(trigger) == 0) {
        if (copied >= 0) copy(copied, fd);
        errno = EIO;
        result = -1;
    } else {
        result = real(fd);
        if (result == 0 && copied >= 0) copy(fd, copied);
    }
    int error = errno;
    if (copied >= 0) close(copied);
    errno = error;
    return result;
}

int fsync(int fd) { return sync_with("fsync", fd); }

int fdatasync(int fd) { return sync_with("fdatasync", fd); }
