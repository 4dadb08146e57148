// SPDX-License-Identifier: Apache-2.0

/**
 * How a program asks the agent of its node over HTTP/1.1. The JDK's own client knows no UNIX
 * sockets, and a JVM that starts for one request has no time for a library.
 */
package io.cilium4j.api.http;
