/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A library to preload into vpcd: it counts calls of libc that reach the kernel, and makes one of them fail or the
 * process die. inject.h says how it is told which.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "inject.h"

static struct control *control;

__attribute__((constructor)) static void control_open(void)
{
	const char *path = getenv("VPCD_FAULT");
	int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return;
	at = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		control = at;
}

/* What is to be done at this call. MODE_COUNT: make it as if nothing were. */
static enum mode begin(const char *name)
{
	uint32_t count;

	if (!control || !atomic_load(&control->armed))
		return MODE_COUNT;
	count = atomic_fetch_add(&control->count, 1) + 1;
	if (count <= NAMES)
		strncpy(control->name[count - 1], name, NAME_BYTES - 1);
	if (count != control->at || control->mode == MODE_COUNT)
		return MODE_COUNT;
	atomic_store(&control->done, 1);
	if (control->mode == MODE_KILL_BEFORE)
		kill(getpid(), SIGKILL);
	return (enum mode)control->mode;
}

static int fail(int usual)
{
	errno = control->error ? control->error : usual;
	return -1;
}

static void *real(const char *name)
{
	void *at = dlsym(RTLD_NEXT, name);

	if (!at)
		abort();
	return at;
}

/* CALL(type of result, name, usual errno, parameters, arguments) */
#define CALL(type, name, usual, parameters, arguments)                                 \
	type name parameters                                                           \
	{                                                                              \
		static type(*call) parameters;                                         \
		enum mode mode = begin(#name);                                         \
		type result;                                                           \
                                                                                       \
		if (mode == MODE_ERROR)                                                \
			return fail(usual);                                            \
		if (!call)                                                             \
			call = (type(*) parameters)real(#name);                        \
		result = call arguments;                                               \
		if (mode == MODE_KILL_AFTER)                                           \
			kill(getpid(), SIGKILL);                                       \
		return mode == MODE_ERROR_AFTER && result >= 0 ? fail(usual) : result; \
	}

CALL(int, mkdir, ENOSPC, (const char *path, mode_t mode_), (path, mode_))
CALL(int, rmdir, EBUSY, (const char *path), (path))
CALL(int, unlink, EIO, (const char *path), (path))
CALL(int, rename, EIO, (const char *from, const char *to), (from, to))
CALL(int, mount, ENOMEM,
     (const char *source, const char *target, const char *type, unsigned long flags, const void *data),
     (source, target, type, flags, data))
CALL(int, umount2, EBUSY, (const char *target, int flags), (target, flags))
CALL(int, unshare, ENOSPC, (int flags), (flags))
CALL(int, setns, EPERM, (int fd, int type), (fd, type))
CALL(int, socket, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, bind, EADDRINUSE, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
CALL(ssize_t, sendto, ENOBUFS,
     (int fd, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t address_size),
     (fd, data, size, flags, address, address_size))
CALL(ssize_t, sendmsg, ENOBUFS, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
CALL(ssize_t, recvmsg, ENOBUFS, (int fd, struct msghdr *message, int flags), (fd, message, flags))
CALL(ssize_t, recv, ENOBUFS, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
CALL(ssize_t, recvfrom, ENOBUFS,
     (int fd, void *data, size_t size, int flags, struct sockaddr *address, socklen_t *address_size),
     (fd, data, size, flags, address, address_size))
CALL(ssize_t, send, ENOBUFS, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
CALL(int, socketpair, EMFILE, (int domain, int type, int protocol, int pair[2]), (domain, type, protocol, pair))
CALL(int, setsockopt, ENOMEM, (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size))
CALL(int, linkat, EMLINK, (int from, const char *old, int to, const char *path, int flags),
     (from, old, to, path, flags))
CALL(int, remove, EBUSY, (const char *path), (path))
CALL(int, unlinkat, EIO, (int fd, const char *path, int flags), (fd, path, flags))
CALL(int, ftruncate, EIO, (int fd, off_t size), (fd, size))
CALL(ssize_t, pread, EIO, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
CALL(ssize_t, pread64, EIO, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at))
CALL(ssize_t, pwrite, EIO, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
CALL(ssize_t, write, ENOSPC, (int fd, const void *data, size_t size), (fd, data, size))
CALL(ssize_t, pwrite64, EIO, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
CALL(int, fdatasync, EIO, (int fd), (fd))
CALL(int, fsync, EIO, (int fd), (fd))
CALL(int, ftruncate64, EIO, (int fd, off64_t size), (fd, size))
/* What is not on a disk and comes from nobody (eventfd, timerfd, signalfd) can be read always. */
ssize_t read(int fd, void *data, size_t size)
{
	static ssize_t (*call)(int, void *, size_t);
	struct stat st;
	enum mode mode = fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) ? begin("read") : MODE_COUNT;
	ssize_t result;

	if (mode == MODE_ERROR)
		return fail(EIO);
	if (!call)
		call = (ssize_t(*)(int, void *, size_t))real("read");
	result = call(fd, data, size);
	if (mode == MODE_KILL_AFTER)
		kill(getpid(), SIGKILL);
	return mode == MODE_ERROR_AFTER && result >= 0 ? fail(EIO) : result;
}

#define MMAP(name, offset_type)                                                                    \
	void *name(void *at, size_t size, int protection, int flags, int fd, offset_type offset)   \
	{                                                                                          \
		static void *(*call)(void *, size_t, int, int, int, offset_type);                  \
		enum mode mode = begin(#name);                                                     \
                                                                                                   \
		if (mode == MODE_ERROR || mode == MODE_ERROR_AFTER) {                              \
			fail(ENOMEM);                                                              \
			return MAP_FAILED;                                                         \
		}                                                                                  \
		if (!call)                                                                         \
			call = (void *(*)(void *, size_t, int, int, int, offset_type))real(#name); \
		return call(at, size, protection, flags, fd, offset);                              \
	}

MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

DIR *opendir(const char *path)
{
	static DIR *(*call)(const char *);
	enum mode mode = begin("opendir");

	if (mode == MODE_ERROR || mode == MODE_ERROR_AFTER) {
		fail(EMFILE);
		return NULL;
	}
	if (!call)
		call = (DIR * (*)(const char *)) real("opendir");
	return call(path);
}

/* Only an addition can fail: what is there can be changed and removed. */
int epoll_ctl(int fd, int op, int other, struct epoll_event *event)
{
	static int (*call)(int, int, int, struct epoll_event *);
	enum mode mode = op == EPOLL_CTL_ADD ? begin("epoll_ctl") : MODE_COUNT;

	if (mode == MODE_ERROR || mode == MODE_ERROR_AFTER)
		return fail(ENOSPC);
	if (!call)
		call = (int (*)(int, int, int, struct epoll_event *))real("epoll_ctl");
	return call(fd, op, other, event);
}

#define OPEN(name)                                                           \
	int name(const char *path, int flags, ...)                           \
	{                                                                    \
		static int (*call)(const char *, int, ...);                  \
		enum mode mode = begin(#name);                               \
		va_list arguments;                                           \
		mode_t bits;                                                 \
		int fd;                                                      \
                                                                             \
		va_start(arguments, flags);                                  \
		bits = va_arg(arguments, mode_t);                            \
		va_end(arguments);                                           \
		if (mode == MODE_ERROR)                                      \
			return fail(EMFILE);                                 \
		if (!call)                                                   \
			call = (int (*)(const char *, int, ...))real(#name); \
		fd = call(path, flags, bits);                                \
		if (mode == MODE_KILL_AFTER)                                 \
			kill(getpid(), SIGKILL);                             \
		if (mode == MODE_ERROR_AFTER && fd >= 0) {                   \
			close(fd);                                           \
			return fail(EMFILE);                                 \
		}                                                            \
		return fd;                                                   \
	}

OPEN(open)
OPEN(open64)

int ioctl(int fd, unsigned long request, ...)
{
	static int (*call)(int, unsigned long, ...);
	enum mode mode = begin("ioctl");
	va_list arguments;
	void *argument;
	int result;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (mode == MODE_ERROR)
		return fail(EBUSY);
	if (!call)
		call = (int (*)(int, unsigned long, ...))real("ioctl");
	result = call(fd, request, argument);
	if (mode == MODE_KILL_AFTER)
		kill(getpid(), SIGKILL);
	return mode == MODE_ERROR_AFTER && result >= 0 ? fail(EBUSY) : result;
}

/* libbpf makes its calls so. */
long syscall(long number, ...)
{
	static long (*call)(long, ...);
	enum mode mode = begin(number == SYS_bpf ? "bpf" : "syscall");
	va_list arguments;
	long a[6], result;

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	if (mode == MODE_ERROR)
		return fail(ENOMEM);
	if (!call)
		call = (long (*)(long, ...))real("syscall");
	result = call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (mode == MODE_KILL_AFTER)
		kill(getpid(), SIGKILL);
	/* What was made is not given back: as with a lost answer, nobody knows of it. */
	return mode == MODE_ERROR_AFTER && result >= 0 ? fail(ENOMEM) : result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *data)
{
	static int (*call)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	enum mode mode = begin("pthread_create");

	if (mode == MODE_ERROR || mode == MODE_ERROR_AFTER)
		return EAGAIN;
	if (!call)
		call = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))real("pthread_create");
	return call(thread, attributes, run, data);
}
