// Faults of a machine, between a program and its C library: LD_PRELOAD=faults.so.
//
// A test orders them while the program runs, in a page of memory that both have mapped
// (FAULT_CONTROL; its fields: tests/system/faults.py). Calls on files count only below the
// folder FAULT_FOLDER. FAULT_LOG takes what was written there, in its order, so that
// a test can tell what a power cut would have left on the disk.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
  on_write = 1,
  on_sync = 2,
  on_open = 4,
  on_truncate = 8,
  on_accept = 16,
  on_read = 32,
  on_allocate = 64
};
enum { descriptors_max = 65536, name_bytes_max = 64 };

struct control {
  _Atomic int64_t calls;     // which: a sum of the above
  _Atomic int64_t nth;       // the first one that fails, counted from 1
  _Atomic int64_t count;     // so many fail
  _Atomic int64_t error;     // with this errno; 0: they are only late
  _Atomic int64_t seen;      // calls so far
  _Atomic int64_t failed;    // of them failed
  _Atomic int64_t shift_ns;  // of the wall clock
  _Atomic int64_t logged;    // records in the log
  _Atomic int64_t delay_ms;  // of those that fail
};

static struct control* orders;
static struct control no_orders;
static char folder[4096];
static int log_fd = -1;
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
// The name below the folder of what is open, "" of all else.
static char names[descriptors_max][name_bytes_max];

static void tell_frames(void) {
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
}

// The server leaves no core.
static void tell_crash(int number) {
  tell_frames();
  raise(number);
}

static void tell_crashes(void) {
  static const int crashes[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL};
  void* frame;
  backtrace(&frame, 1);  // it allocates the first time
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; ++i) {
    struct sigaction known;
    // A sanitizer has a handler of its own.
    if (sigaction(crashes[i], NULL, &known) != 0 || known.sa_handler != SIG_DFL) continue;
    struct sigaction told = {.sa_handler = tell_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    sigaction(crashes[i], &told, NULL);
  }
}

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("FAULT_CONTROL");
  orders = &no_orders;
  if (path) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) _exit(99);
    orders = page;
    syscall(SYS_close, fd);
  }
  path = getenv("FAULT_FOLDER");
  if (path) strncpy(folder, path, sizeof folder - 1);
  tell_crashes();
  path = getenv("FAULT_LOG");
  if (path)
    log_fd =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void* next(const char* name) {
  return dlsym(RTLD_NEXT, name);
}

// Whether this call is one that fails; errno is set then. Waits if it is to be late.
static int fails(int call) {
  struct control* now = orders ? orders : &no_orders;
  if (!(atomic_load(&now->calls) & call)) return 0;
  int64_t number = atomic_fetch_add(&now->seen, 1) + 1;
  int64_t first = atomic_load(&now->nth);
  if (number < first || number >= first + atomic_load(&now->count)) return 0;
  atomic_fetch_add(&now->failed, 1);
  int64_t delay_ms = atomic_load(&now->delay_ms);
  struct timespec rest = {.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000};
  while (delay_ms > 0 && nanosleep(&rest, &rest) != 0 && errno == EINTR) continue;
  int error = (int)atomic_load(&now->error);
  if (error == 0) return 0;
  errno = error;
  return 1;
}

static int is_ours(int fd) {
  return fd >= 0 && fd < descriptors_max && names[fd][0] != '\0';
}

// --- the log ----------------------------------------------------------------------------------

struct record {
  char kind;  // w(rite), s(ync), t(runcate), u(nlink)
  uint8_t name_bytes;
  uint16_t unused;
  uint32_t data_bytes;
  int64_t offset;
};

static void keep(char kind, const char* name, int64_t offset, const void* data, size_t bytes) {
  size_t length = strlen(name);
  // The index of the log in shared memory: a start makes it anew.
  if (log_fd < 0 || (length > 4 && strcmp(name + length - 4, "-shm") == 0)) return;
  struct record head = {kind, (uint8_t)length, 0, (uint32_t)bytes, offset};
  struct iovec parts[3] = {{&head, sizeof head}, {(void*)name, length}, {(void*)data, bytes}};
  pthread_mutex_lock(&log_mutex);
  if (syscall(SYS_writev, log_fd, parts, 3) == (long)(sizeof head + length + bytes))
    atomic_fetch_add(&orders->logged, 1);
  else
    _exit(98);
  pthread_mutex_unlock(&log_mutex);
}

// --- opening ----------------------------------------------------------------------------------

static void note_open(int fd) {
  if (fd < 0 || fd >= descriptors_max || !folder[0]) return;
  char link[32] = "/proc/self/fd/";
  char digits[12];
  int at = 0;
  int rest = fd;
  do digits[at++] = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  char* end = link + strlen(link);
  while (at > 0) *end++ = digits[--at];
  *end = '\0';
  char path[4096];
  long bytes = syscall(SYS_readlink, link, path, sizeof path - 1);
  names[fd][0] = '\0';
  if (bytes <= 0) return;
  path[bytes] = '\0';
  size_t length = strlen(folder);
  if (strncmp(path, folder, length) == 0 && path[length] == '/')
    strncpy(names[fd], path + length + 1, name_bytes_max - 1);
}

static int open_at(int directory, const char* path, int flags, mode_t mode) {
  int is_inside = folder[0] && (strncmp(path, folder, strlen(folder)) == 0 || is_ours(directory));
  if (is_inside && fails(on_open)) return -1;
  int fd = (int)syscall(SYS_openat, directory, path, flags, mode);
  if (fd < 0) return -1;
  note_open(fd);
  if (is_ours(fd) && (flags & O_TRUNC)) keep('t', names[fd], 0, "", 0);
  return fd;
}

static mode_t mode_of(int flags, va_list rest) {
  return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPEN(NAME)                               \
  int NAME(const char* path, int flags, ...) {   \
    va_list rest;                                \
    va_start(rest, flags);                       \
    mode_t mode = mode_of(flags, rest);          \
    va_end(rest);                                \
    return open_at(AT_FDCWD, path, flags, mode); \
  }
#define OPENAT(NAME)                                          \
  int NAME(int directory, const char* path, int flags, ...) { \
    va_list rest;                                             \
    va_start(rest, flags);                                    \
    mode_t mode = mode_of(flags, rest);                       \
    va_end(rest);                                             \
    return open_at(directory, path, flags, mode);             \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
  if (fd >= 0 && fd < descriptors_max) names[fd][0] = '\0';
  return (int)syscall(SYS_close, fd);
}

int unlink(const char* path) {
  size_t length = strlen(folder);
  int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (result == 0 && length > 0 && strncmp(path, folder, length) == 0 && path[length] == '/')
    keep('u', path + length + 1, 0, "", 0);
  return result;
}

// --- reading and writing ----------------------------------------------------------------------

ssize_t pread64(int fd, void* to, size_t bytes, off64_t offset) {
  if (is_ours(fd) && fails(on_read)) return -1;
  return syscall(SYS_pread64, fd, to, bytes, offset);
}

ssize_t pread(int fd, void* to, size_t bytes, off_t offset) {
  return pread64(fd, to, bytes, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t offset) {
  if (!is_ours(fd)) return syscall(SYS_pwrite64, fd, data, bytes, offset);
  if (fails(on_write)) return -1;
  ssize_t written = syscall(SYS_pwrite64, fd, data, bytes, offset);
  if (written > 0) keep('w', names[fd], offset, data, (size_t)written);
  return written;
}

ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  return pwrite64(fd, data, bytes, offset);
}

ssize_t write(int fd, const void* data, size_t bytes) {
  if (!is_ours(fd)) return syscall(SYS_write, fd, data, bytes);
  if (fails(on_write)) return -1;
  int64_t offset = syscall(SYS_lseek, fd, 0, SEEK_CUR);
  ssize_t written = syscall(SYS_write, fd, data, bytes);
  if (written > 0) keep('w', names[fd], offset, data, (size_t)written);
  return written;
}

int ftruncate64(int fd, off64_t size) {
  if (is_ours(fd) && fails(on_truncate)) return -1;
  int result = (int)syscall(SYS_ftruncate, fd, size);
  if (result == 0 && is_ours(fd)) keep('t', names[fd], size, "", 0);
  return result;
}

int ftruncate(int fd, off_t size) {
  return ftruncate64(fd, size);
}

static int sync_with(long number, int fd) {
  if (is_ours(fd) && fails(on_sync)) return -1;
  int result = (int)syscall(number, fd);
  if (result == 0 && is_ours(fd)) keep('s', names[fd], 0, "", 0);
  return result;
}

int fsync(int fd) {
  return sync_with(SYS_fsync, fd);
}
int fdatasync(int fd) {
  return sync_with(SYS_fdatasync, fd);
}

// --- memory -----------------------------------------------------------------------------------

// What is below them in glibc. A build with sanitizers has its own and calls none of these.
extern void* __libc_malloc(size_t bytes);
extern void* __libc_calloc(size_t count, size_t bytes);
extern void* __libc_realloc(void* of, size_t bytes);
extern void* __libc_memalign(size_t alignment, size_t bytes);

// Which allocation it was is seen in what the server writes.
static int fails_to_allocate(void) {
  if (!fails(on_allocate)) return 0;
  tell_frames();
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t bytes) {
  return fails_to_allocate() ? NULL : __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  return fails_to_allocate() ? NULL : __libc_calloc(count, bytes);
}
void* realloc(void* of, size_t bytes) {
  return fails_to_allocate() ? NULL : __libc_realloc(of, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  return fails_to_allocate() ? NULL : __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  return memalign(alignment, bytes);
}
int posix_memalign(void** to, size_t alignment, size_t bytes) {
  void* made = memalign(alignment, bytes);
  if (!made) return ENOMEM;
  *to = made;
  return 0;
}

// --- the network and the clock ----------------------------------------------------------------

int accept4(int fd, struct sockaddr* address, socklen_t* bytes, int flags) {
  if (fails(on_accept)) return -1;
  return (int)syscall(SYS_accept4, fd, address, bytes, flags);
}

int clock_gettime(clockid_t clock, struct timespec* to) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = (int (*)(clockid_t, struct timespec*))next("clock_gettime");
  int result = real(clock, to);
  int64_t shift = orders ? atomic_load(&orders->shift_ns) : 0;
  if (result != 0 || shift == 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
    return result;
  int64_t second = 1000000000;
  int64_t now = to->tv_sec * second + to->tv_nsec + shift;
  to->tv_sec = now / second;
  to->tv_nsec = now % second;
  return result;
}

int gettimeofday(struct timeval* to, void* zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  to->tv_sec = now.tv_sec;
  to->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* to) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (to) *to = now.tv_sec;
  return now.tv_sec;
}
