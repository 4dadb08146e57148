// SPDX-License-Identifier: Apache-2.0
/*
 * The CNI plugin that a container runtime calls. All logic is the agent's: this program hands the
 * call over and prints the answer. It answers itself only what needs no agent (VERSION) and what
 * must be answered without one:
 *
 *   ADD, CHECK, GC   error 11, "try again later", at once
 *   DEL              the deletion goes into a file of the folder deleteQueue; success
 *   STATUS           error 50, "not available"
 *
 * The call goes to the UNIX socket cni.sock beside the agent's API socket, as POST /cni. Its body is
 * each CNI_ variable of the environment, ended by a 0 byte, then one more 0 byte, then the standard
 * input. Status 200 means success, and any other an error whose body is the JSON for the runtime.
 *
 * Called by the name "loopback" it is that plugin, which older runtimes call for each pod beside the
 * network's own: it sets the pod's loopback device up.
 *
 * Everything that comes in is bounded, every wait has an end, and no memory is allocated.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define API_SOCKET "/var/run/cilium/cilium.sock"
#define VERSIONS "\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""

enum { MAX_ENVIRONMENT = 64 << 10, MAX_STDIN = 1 << 20, MAX_ANSWER = 1 << 20, MAX_QUEUED = 256, MAX_ID = 200 };
enum { INVALID_ENVIRONMENT = 4, IO_FAILURE = 5, DECODING_FAILURE = 6, TRY_AGAIN = 11, NOT_AVAILABLE = 50, CHANGED = 100 };
enum { QUEUE_MS = 1500, BUSY_MS = 800, DEL_MS = 30 * 1000, STATUS_MS = 5 * 1000, CALL_MS = 100 * 1000 };

static char call[MAX_ENVIRONMENT + 1 + MAX_STDIN];
static size_t call_bytes, input_at;
static char answer[MAX_ANSWER + 1];
static char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- what the runtime is told ---- */

/* The version that the configuration names: an answer has the same. */
static const char *version(void)
{
	static char found[16] = "1.1.0";
	const char *at = memmem(call + input_at, call_bytes - input_at, "\"cniVersion\"", 12);
	char text[16] = "";

	/* The input ends with a 0 byte. */
	if (at && sscanf(at + 12, " : \"%15[0-9.]\"", text) == 1)
		strcpy(found, text);
	return found;
}

/* Prints an error as CNI has it and ends. Control characters, quotes and backslashes become blanks. */
static void __attribute__((noreturn, format(printf, 2, 3))) fail(int code, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\')
			*c = ' ';
	printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"%s\"}\n", version(), code, text);
	exit(1);
}

/* ---- what the runtime says ---- */

/* As the CNI specification has it, so that it is safe in the name of a file. */
static bool is_container(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t length = text ? strlen(text) : 0;

	return length > 0 && length <= MAX_ID && isalnum((unsigned char)*text) && strspn(text, allowed) == length;
}

/* As the kernel has it. */
static bool is_interface(const char *text)
{
	size_t length = text ? strlen(text) : 0;

	return length > 0 && length < IF_NAMESIZE && strcspn(text, "/: \t\n\v\f\r") == length;
}

static void read_environment(char **environment)
{
	for (; *environment; environment++) {
		size_t bytes = strlen(*environment) + 1;

		if (strncmp(*environment, "CNI_", 4) != 0)
			continue;
		if (call_bytes + bytes > MAX_ENVIRONMENT)
			fail(INVALID_ENVIRONMENT, "the CNI variables are longer than %d bytes", MAX_ENVIRONMENT);
		memcpy(call + call_bytes, *environment, bytes);
		call_bytes += bytes;
	}
	call[call_bytes++] = 0;
	input_at = call_bytes;
}

static void read_input(void)
{
	while (call_bytes < sizeof(call)) {
		ssize_t got = read(STDIN_FILENO, call + call_bytes, sizeof(call) - call_bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			fail(IO_FAILURE, "the configuration cannot be read: %s", strerror(errno));
		if (got == 0)
			return;
		call_bytes += got;
		if (call_bytes - input_at >= MAX_STDIN)
			break;
	}
	fail(DECODING_FAILURE, "the configuration is longer than %d bytes", MAX_STDIN - 1);
}

/* The folder of the agent's sockets, by the same variable as the agent's other clients. */
static void find_folder(void)
{
	const char *socket = getenv("CILIUM_SOCK");
	const char *end;

	if (!socket || !*socket)
		socket = API_SOCKET;
	if (strncmp(socket, "unix://", 7) == 0)
		socket += 7;
	end = strrchr(socket, '/');
	if (!end || end == socket || end - socket + sizeof("/cni.sock") > sizeof(folder))
		fail(INVALID_ENVIRONMENT, "CILIUM_SOCK: wanted the absolute path of a socket");
	snprintf(folder, sizeof(folder), "%.*s", (int)(end - socket), socket);
}

/* ---- the agent ---- */

static int connect_agent(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	long end = now_ms() + BUSY_MS;

	if (agent < 0)
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/cni.sock", folder);
	while (connect(agent, (struct sockaddr *)&address, sizeof(address)) != 0) {
		/* An agent whose queue of connections is full is there. */
		if ((errno != EAGAIN && errno != EINTR) || now_ms() > end) {
			int error = errno;

			close(agent);
			errno = error;
			return -1;
		}
		poll(NULL, 0, 10);
	}
	return agent;
}

static bool await(int agent, short what, long end)
{
	struct pollfd wait = {.fd = agent, .events = what};
	long left = end - now_ms();

	return left > 0 && poll(&wait, 1, (int)left) != 0;
}

static bool send_all(int agent, const char *bytes, size_t count, long end)
{
	while (count > 0) {
		ssize_t sent = send(agent, bytes, count, MSG_NOSIGNAL);

		if (sent > 0) {
			bytes += sent;
			count -= sent;
		} else if ((errno != EAGAIN && errno != EINTR) || !await(agent, POLLOUT, end)) {
			return false;
		}
	}
	return true;
}

/* Reads until the agent closes; the size of the answer, or -1. */
static ssize_t receive_all(int agent, long end)
{
	size_t bytes = 0;

	while (bytes < MAX_ANSWER) {
		ssize_t got = recv(agent, answer + bytes, MAX_ANSWER - bytes, 0);

		if (got == 0) {
			answer[bytes] = 0;
			return bytes;
		}
		if (got > 0)
			bytes += got;
		else if ((errno != EAGAIN && errno != EINTR) || !await(agent, POLLIN, end))
			return -1;
	}
	return -1;
}

/* Has the agent answer. Prints its answer and ends, or returns if there is none. */
static void ask_agent(int agent, long patience_ms)
{
	char head[128];
	long end = now_ms() + patience_ms;
	int head_bytes = snprintf(head, sizeof(head),
				  "POST /cni HTTP/1.1\r\nHost: agent\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", call_bytes);
	const char *body, *length;
	size_t wanted;
	int status;
	ssize_t bytes = -1;

	if (send_all(agent, head, head_bytes, end) && send_all(agent, call, call_bytes, end))
		bytes = receive_all(agent, end);
	close(agent);
	/* An agent that ends meanwhile leaves less than it announced. */
	if (bytes < 0 || sscanf(answer, "HTTP/1.1 %3d", &status) != 1 || !(body = strstr(answer, "\r\n\r\n")))
		return;
	length = strcasestr(answer, "\r\ncontent-length:");
	body += 4;
	if (!length || length > body || sscanf(length + 17, " %zu", &wanted) != 1 || strlen(body) != wanted)
		return;
	if (status != 200 && *body != '{')
		fail(TRY_AGAIN, "the agent refused: %.300s", body);
	fputs(body, stdout);
	exit(fflush(stdout) == 0 && status == 200 ? 0 : 1);
}

/* ---- deletions without an agent ---- */

/* Takes the lock that keeps an agent that starts from missing what is queued meanwhile. */
static bool lock_queue(int lock)
{
	struct flock shared = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return lock >= 0 && fcntl(lock, F_SETLK, &shared) == 0;
}

static bool queue_is_full(const char *queue)
{
	int count = 0;
	DIR *files = opendir(queue);

	if (!files)
		return false;
	while (readdir(files))
		count++;
	closedir(files);
	return count > MAX_QUEUED + 3; /* ".", ".." and the lock */
}

/* The deletion is there as a whole or not at all, also for an agent that does not wait for the lock. */
static void write_deletion(const char *queue, const char *container, const char *interface)
{
	char name[sizeof(folder) + MAX_ID + 64], beside[sizeof(name) + 4];
	FILE *file;

	snprintf(name, sizeof(name), "%s/%s-%s.delete", queue, container, interface);
	snprintf(beside, sizeof(beside), "%s.new", name);
	if (queue_is_full(queue))
		fail(TRY_AGAIN, "no agent answers, and %s holds %d deletions already", queue, MAX_QUEUED);
	file = fopen(beside, "wex");
	if (!file && errno == EEXIST && unlink(beside) == 0)
		file = fopen(beside, "wex");
	if (!file)
		fail(IO_FAILURE, "no agent answers, and %s cannot be written: %s", beside, strerror(errno));
	fprintf(file, "cni-attachment-id:%s:%s", container, interface);
	if (fclose(file) != 0 || rename(beside, name) != 0) {
		int error = errno;

		unlink(beside);
		fail(IO_FAILURE, "no agent answers, and %s cannot be written: %s", name, strerror(error));
	}
}

static void __attribute__((noreturn)) queue_deletion(const char *container, const char *interface)
{
	char queue[sizeof(folder) + 16], file[sizeof(queue) + 16];
	long end = now_ms() + QUEUE_MS;
	int lock, agent;

	snprintf(queue, sizeof(queue), "%s/deleteQueue", folder);
	snprintf(file, sizeof(file), "%s/lockfile", queue);
	mkdir(folder, 0755);
	mkdir(queue, 0755);
	lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	while (!lock_queue(lock) && lock >= 0 && now_ms() < end)
		poll(NULL, 0, 20);
	/* An agent that held the lock answers by now. */
	agent = connect_agent();
	if (agent >= 0)
		ask_agent(agent, DEL_MS);
	write_deletion(queue, container, interface);
	exit(0);
}

/* ---- loopback ---- */

static int loopback(const char *verb)
{
	const char *path = getenv("CNI_NETNS");
	struct ifreq lo = {.ifr_name = "lo"};
	int netns, any;

	if (strcmp(verb, "ADD") != 0 && strcmp(verb, "CHECK") != 0)
		return 0;
	if (!path || *path != '/' || strpbrk(path, "\"\\\n\r\t"))
		fail(INVALID_ENVIRONMENT, "CNI_NETNS: wanted the absolute path of a network namespace");
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0 || setns(netns, CLONE_NEWNET) != 0)
		fail(IO_FAILURE, "network namespace %s: %s", path, strerror(errno));
	any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0 || ioctl(any, SIOCGIFFLAGS, &lo) != 0)
		fail(IO_FAILURE, "device lo in %s: %s", path, strerror(errno));
	if (strcmp(verb, "CHECK") == 0) {
		if (!(lo.ifr_flags & IFF_UP))
			fail(CHANGED, "device lo in %s is down", path);
		return 0;
	}
	lo.ifr_flags |= IFF_UP;
	if (ioctl(any, SIOCSIFFLAGS, &lo) != 0)
		fail(IO_FAILURE, "device lo in %s: %s", path, strerror(errno));
	printf("{\"cniVersion\":\"%s\",\"interfaces\":[{\"name\":\"lo\",\"sandbox\":\"%s\"}],\"ips\":[],\"dns\":{}}\n", version(),
	       path);
	return 0;
}

static bool is_loopback(const char *name)
{
	const char *slash = name ? strrchr(name, '/') : NULL;

	return name && strcmp(slash ? slash + 1 : name, "loopback") == 0;
}

int main(int count, char **arguments, char **environment)
{
	const char *verb = getenv("CNI_COMMAND");
	const char *container = getenv("CNI_CONTAINERID"), *interface = getenv("CNI_IFNAME");
	bool is_del, is_status;
	int agent;

	signal(SIGPIPE, SIG_IGN);
	if (!verb) {
		fprintf(stderr, "CNI plugin of the Cilium4j agent; CNI versions " VERSIONS "\n");
		return 0;
	}
	read_environment(environment);
	read_input();
	if (strcmp(verb, "VERSION") == 0) {
		printf("{\"cniVersion\":\"%s\",\"supportedVersions\":[" VERSIONS "]}\n", version());
		return 0;
	}
	if (count > 0 && is_loopback(arguments[0]))
		return loopback(verb);
	is_del = strcmp(verb, "DEL") == 0;
	is_status = strcmp(verb, "STATUS") == 0;
	if (is_del && !(is_container(container) && is_interface(interface)))
		fail(INVALID_ENVIRONMENT, "CNI_CONTAINERID and CNI_IFNAME: wanted an id and the name of a device");
	find_folder();
	agent = connect_agent();
	if (agent >= 0)
		ask_agent(agent, is_del ? DEL_MS : is_status ? STATUS_MS : CALL_MS);
	if (is_del)
		queue_deletion(container, interface);
	fail(is_status ? NOT_AVAILABLE : TRY_AGAIN, "no Cilium4j agent answers at %s/cni.sock", folder);
}
