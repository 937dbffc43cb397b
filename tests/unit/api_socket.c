/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP sockets' files: where none can be, stale ones, and those that systemd hands over. */
#include "api_fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

static struct fixture f;

static int try_new(const struct api_config *config, struct vpc_error *error)
{
	struct api *a = NULL;
	int r = api_new(config, &a, error);

	api_free(a);
	return r;
}

static void expect_alive(void)
{
	struct response r = ask(&f, "GET", "/v1/status", NULL);

	cr_assert_eq(r.status, 200);
	response_clear(&r);
}

Test(api_socket, where_one_cannot_be, .timeout = 60)
{
	struct api_config config = {.instance = "x", .run_dir = f.dir};
	struct vpc_error error = VPC_ERROR_INIT;
	char path[256], longer[201];
	int fd;

	fixture_start(&f);
	config.engine = f.engine;
	sd_event_new(&config.event);
	cr_expect_lt(try_new(&config, &error), 0, "a daemon answers there");
	cr_expect_eq(error.code, VPC_E_INVALID_PARAMETER_VALUE);
	expect_alive();

	snprintf(path, sizeof(path), "%s/other.sock", f.dir);
	config.socket_path = path;
	config.group = "no such group";
	cr_expect_lt(try_new(&config, &error), 0);
	cr_expect_str_eq(error.field, "group");

	config.group = NULL;
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	cr_expect_lt(try_new(&config, &error), 0, "over a file");
	cr_expect_str_eq(error.field, "socket");
	close(fd);
	cr_expect_eq(unlink(path), 0, "the file is gone");

	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	config.socket_path = longer;
	cr_expect_lt(try_new(&config, &error), 0);
	cr_expect_str_eq(error.field, "socket");
	sd_event_unref(config.event);
	fixture_stop(&f);
}

Test(api_socket, a_stale_one_is_replaced, .timeout = 60)
{
	char dir[] = "/tmp/vpcd-api-XXXXXX", path[64];
	struct api_config config = {.instance = "x", .run_dir = dir};
	struct vpc_error error = VPC_ERROR_INIT;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/vpcd.sock", dir);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	cr_assert_eq(lstat(path, &st), 0);
	sd_event_new(&config.event);
	cr_assert_eq(fake_engine_new(&config.engine), 0);
	cr_expect_eq(try_new(&config, &error), 0, "%s", error.message);
	cr_expect_lt(lstat(path, &st), 0);
	cr_expect_eq(rmdir(dir), 0, "something was left behind");
	engine_free(config.engine);
	sd_event_unref(config.event);
}

/* --- systemd --- */

/* In a process of its own: systemd's descriptors are numbered from 3, which criterion may use. Returns its exit status.
 */
static int activated(const char *dir, const char *path)
{
	struct api_config config = {.instance = "x", .run_dir = dir};
	struct vpc_error error = VPC_ERROR_INIT;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), client;
	char pid[16], byte;
	struct api *a;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 5) < 0 || dup2(fd, 3) != 3)
		return 1;
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	if (sd_event_new(&config.event) < 0 || fake_engine_new(&config.engine) < 0)
		return 2;
	/* Without systemd's descriptor this would be refused: somebody answers at the path. */
	if (api_new(&config, &a, &error) < 0)
		return 3;
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(client, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    !client_request(client, "GET", "/v1/status", "", NULL))
		return 4;
	for (int i = 0; i < 50; i++)
		sd_event_run(config.event, 10000);
	if (recv(client, &byte, 1, 0) != 1 || byte != 'H')
		return 5;
	api_free(a);
	return 0;
}

Test(api_socket, systemd_hands_one_over, .timeout = 60)
{
	char dir[] = "/tmp/vpcd-api-XXXXXX", path[64];
	int status;
	pid_t pid;

	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/vpcd.sock", dir);
	pid = fork();
	if (pid == 0)
		_exit(activated(dir, path));
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0, "%d", WEXITSTATUS(status));
	cr_expect_eq(unlink(path), 0, "systemd's socket was removed");
	cr_expect_eq(rmdir(dir), 0);
}
