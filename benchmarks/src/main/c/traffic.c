// SPDX-License-Identifier: Apache-2.0
/* One TCP connection between two pods, timed by its client.
 *
 *   traffic serve PORT                            answers both kinds, for ever
 *   traffic rr ADDRESS PORT MILLISECONDS          one byte to and fro: prints exchanges a second
 *   traffic stream ADDRESS PORT MILLISECONDS      as much as goes: prints megabits a second
 */
#include <arpa/inet.h>
#include <err.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char block[128 * 1024];

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* The connection's first byte tells its kind. */
static void answer(int connection)
{
	char kind;
	ssize_t n;

	if (read(connection, &kind, 1) != 1)
		return;
	if (kind == 's') {
		while (read(connection, block, sizeof(block)) > 0)
			;
		return;
	}
	while ((n = read(connection, block, 1)) == 1 && write(connection, block, 1) == 1)
		;
}

static void serve(int port)
{
	/* Of IPv6, which takes IPv4 in as well. */
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int listener = socket(AF_INET6, SOCK_STREAM, 0), on = 1, connection;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (void *)&any, sizeof(any)) || listen(listener, 8))
		err(1, "cannot listen on port %d", port);
	puts("ready");
	fflush(stdout);
	while ((connection = accept(listener, NULL, NULL)) >= 0) {
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		answer(connection);
		close(connection);
	}
	err(1, "accept");
}

static int connected(const char *address, const char *port)
{
	struct addrinfo wanted = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM }, *to;
	int on = 1, connection;

	if (getaddrinfo(address, port, &wanted, &to))
		errx(2, "no address: %s", address);
	connection = socket(to->ai_family, SOCK_STREAM, 0);
	if (connect(connection, to->ai_addr, to->ai_addrlen))
		err(1, "cannot connect to %s", address);
	setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return connection;
}

int main(int argc, char **argv)
{
	double begin, end, now, count = 0;
	int connection;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	if (argc != 5)
		errx(2, "usage: traffic serve PORT | rr|stream ADDRESS PORT MILLISECONDS");
	connection = connected(argv[2], argv[3]);
	if (write(connection, argv[1], 1) != 1)
		err(1, "write");
	begin = now = seconds();
	end = begin + atoi(argv[4]) / 1e3;
	if (*argv[1] == 's') {
		for (; now < end; now = seconds()) {
			ssize_t n = write(connection, block, sizeof(block));

			if (n <= 0)
				err(1, "write");
			count += n * 8 / 1e6;
		}
	} else {
		for (; now < end; now = seconds(), count++)
			if (write(connection, block, 1) != 1 || read(connection, block, 1) != 1)
				err(1, "exchange");
	}
	printf("%.1f\n", count / (now - begin));
	return 0;
}
