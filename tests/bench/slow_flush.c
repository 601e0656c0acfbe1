/* Adds a delay to every flush, so that a fast virtual disk behaves like a real one.
 *
 * Preloaded into PostgreSQL by the benchmark. SLOW_FLUSH_MICROSECONDS says how long (default 1000).
 * The delay is a sleep, as a disk's is: it takes time and no processor.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static struct timespec delay = {0, 1000000};

__attribute__((constructor)) static void prepare(void) {
    const char *given = getenv("SLOW_FLUSH_MICROSECONDS");
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (given != NULL) {
        long microseconds = strtol(given, NULL, 10);
        delay.tv_sec = microseconds / 1000000;
        delay.tv_nsec = microseconds % 1000000 * 1000;
    }
}

static void wait_for_the_disk(void) {
    struct timespec left = delay;
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
}

int fsync(int file) {
    wait_for_the_disk();
    return real_fsync(file);
}

int fdatasync(int file) {
    wait_for_the_disk();
    return real_fdatasync(file);
}
